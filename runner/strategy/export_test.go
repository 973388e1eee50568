package strategy

// ExecRestoreScript lets a test run what a restore runs without the one that runs it.
const ExecRestoreScript = execRestoreScript
