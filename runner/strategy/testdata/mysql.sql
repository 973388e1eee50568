SET NAMES utf8mb4;
SET sql_mode = '';
CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE DATABASE `we``ird na'me` CHARACTER SET latin1 COLLATE latin1_german1_ci;
CREATE DATABASE nothing_in_it;
USE shop;
CREATE TABLE customers (
	id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name VARCHAR(200) NOT NULL DEFAULT '' COMMENT 'it''s; a "name"\n-- Dump completed on 2026-01-01',
	notes LONGTEXT,
	photo LONGBLOB,
	bits BIT(9) NOT NULL DEFAULT b'101010101',
	born DATE NOT NULL DEFAULT '0000-00-00',
	at DATETIME(6) NOT NULL DEFAULT '0000-00-00 00:00:00.000000',
	seen TIMESTAMP NOT NULL DEFAULT '2026-03-29 01:30:00',
	price DECIMAL(12,4), rate DOUBLE, raw BINARY(4), doc JSON,
	kind ENUM('a','b''c','(d)') DEFAULT 'a', flags SET('x','y'),
	place POINT,
	upper_name VARCHAR(200) AS (UPPER(name)) STORED,
	twice DECIMAL(14,4) AS (price * 2) VIRTUAL,
	KEY (name), FULLTEXT KEY (notes)
) ENGINE=InnoDB;
INSERT INTO customers (name, notes, photo, raw, doc, flags, place, price, rate, kind) VALUES
	('plain', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'a'),
	('emoji 🐘 ü ß 中', 'line one\nline two\r\n\ttab \\ back \' quote " dq ` bt', 0x00ff0a0d275c22, 0x00000000, '{"a": [1, "(,)"]}', 'x,y', ST_GeomFromText('POINT(1 2)'), 12.5, 1.5e300, 'b''c'),
	('a trap', 'end;\n-- Dump completed on 2026-11-21  2:00:00\n-- mark x: complete, databases: 1\n/* '' */ INSERT INTO `customers` VALUES (1),(2);\n', '', 'ab', '[]', '', NULL, -0.0001, -0.0, '(d)'),
	('', '', 0x1a, NULL, 'null', 'y', NULL, 99999999.9999, 0, NULL);
INSERT INTO customers (name, notes, photo, born, at) VALUES ('large', REPEAT('x''\\\n(', 262144), REPEAT(UNHEX('00FF0A27'), 262144), '0000-00-00', '1000-01-01 00:00:00.000001');
UPDATE customers SET seen = '0000-00-00 00:00:00' WHERE id = 1;
INSERT INTO customers (name, notes) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT CONCAT('customer ', i), REPEAT(SHA2(i, 256), 10) FROM n;
CREATE TABLE orders (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT UNSIGNED NOT NULL, total INT NOT NULL, FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE);
INSERT INTO orders (customer, total) VALUES (1, 10), (2, 20), (2, 30);
CREATE TABLE empty_one (a INT, b TEXT);
CREATE TABLE `odd ``table (x` (`a ``col` INT, `(` INT);
INSERT INTO `odd ``table (x` VALUES (1, 2), (NULL, -3);
CREATE TABLE parts (id INT NOT NULL, y INT NOT NULL, PRIMARY KEY (id, y)) PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1, 1999), (2, 2026);
CREATE TABLE log (at INT, what VARCHAR(50)) ENGINE=MyISAM;
CREATE TABLE zero (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY);
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO zero VALUES (0), (7);
SET sql_mode = '';
/*M! CREATE SEQUENCE tickets START WITH 77 INCREMENT BY 3 NOCACHE */;
/*M! DO NEXTVAL(tickets) */;
CREATE VIEW rich AS SELECT id, name, price FROM customers WHERE price > 10;
CREATE VIEW a_rich AS SELECT name FROM rich;
DELIMITER $$
CREATE TRIGGER on_order AFTER INSERT ON orders FOR EACH ROW BEGIN
	-- it's a comment; with a quote
	INSERT INTO log VALUES (NEW.id, 'DELIMITER ;; /* order; */');
END$$
CREATE FUNCTION tax(v DECIMAL(12,4)) RETURNS DECIMAL(12,4) DETERMINISTIC RETURN v * 0.19$$
CREATE PROCEDURE add_order(IN c INT) MODIFIES SQL DATA BEGIN
	/* don't end; here */ # nor "here
	INSERT INTO orders (customer, total) VALUES (c, 1); IF c > 5 THEN SELECT ';;'; END IF;
END$$
SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'$$
CREATE PROCEDURE windows() SELECT 'C:\' AS "path"$$
SET sql_mode = ''$$
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE DO BEGIN DELETE FROM log WHERE at < 0; END$$
DELIMITER ;
USE `we``ird na'me`;
CREATE TABLE t (v VARCHAR(20));
INSERT INTO t VALUES ('grün'), (NULL);
CREATE ROLE reader;
GRANT SELECT ON shop.* TO reader;
CREATE USER app@'%' IDENTIFIED BY 'app''s \\ password';
CREATE USER 'od`d us''er'@'10.0.0.%' IDENTIFIED BY 'x' ACCOUNT LOCK;
CREATE USER 'owner'@'localhost' IDENTIFIED BY 'y' WITH MAX_USER_CONNECTIONS 7;
GRANT SELECT, INSERT (customer, total), UPDATE ON shop.orders TO app@'%';
GRANT EXECUTE ON PROCEDURE shop.add_order TO app@'%';
GRANT ALL ON `we``ird na'me`.* TO app@'%' WITH GRANT OPTION;
GRANT PROCESS, RELOAD ON *.* TO owner@localhost;
GRANT reader TO app@'%';
CREATE TABLE shop.gone (a INT);
GRANT SELECT ON shop.gone TO app@'%';
DROP TABLE shop.gone;
