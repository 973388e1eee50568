package docker

import "io"

// feed copies Stdin into the command and tells how it ended. An error of Stdin closes nothing: a closed input looks
// like a complete one, and a command would commit it. A command that stops reading does not end the feed: Stdin is
// read to its end nevertheless, because only that says whether what was read before was sound.
func (x *execution) feed(stdin io.Reader) {
	if stdin == nil {
		x.fed <- nil
		return
	}
	// Nothing is read before the command is there, so that a second way of starting it finds the input whole.
	select {
	case <-x.stderr.running:
	case <-x.stopped:
		return
	}
	if !x.stderr.started() {
		return // the exit code tells why
	}
	x.fed <- x.copyIn(stdin)
}

func (x *execution) copyIn(stdin io.Reader) error {
	buf := make([]byte, 64<<10)
	var w io.Writer = x.conn.Conn
	for {
		n, err := stdin.Read(buf)
		select {
		case <-x.stopped:
			return nil
		default:
		}
		if n > 0 {
			if _, writeErr := w.Write(buf[:n]); writeErr != nil {
				w = io.Discard
			}
		}
		if err == io.EOF { // a wrapped one is somebody's error
			_ = x.conn.CloseWrite() // fails only when the command is gone
			return nil
		}
		if err != nil {
			return err
		}
	}
}
