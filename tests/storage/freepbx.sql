-- The logs as FreePBX keeps them, by the columns that Asterisk's documentation names. Its cdr has no id, and of the times only the first.
CREATE DATABASE asteriskcdrdb CHARACTER SET utf8mb4;
USE asteriskcdrdb;
CREATE TABLE cel (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, eventtype VARCHAR(30) NOT NULL, eventtime DATETIME NOT NULL,
 cid_name VARCHAR(80) NOT NULL DEFAULT '', cid_num VARCHAR(80) NOT NULL DEFAULT '', cid_ani VARCHAR(80) NOT NULL DEFAULT '',
 cid_rdnis VARCHAR(80) NOT NULL DEFAULT '', cid_dnid VARCHAR(80) NOT NULL DEFAULT '', exten VARCHAR(80) NOT NULL DEFAULT '',
 context VARCHAR(80) NOT NULL DEFAULT '', channame VARCHAR(80) NOT NULL DEFAULT '', appname VARCHAR(80) NOT NULL DEFAULT '',
 appdata VARCHAR(255) NOT NULL DEFAULT '', amaflags INT NOT NULL DEFAULT 0, accountcode VARCHAR(20) NOT NULL DEFAULT '',
 uniqueid VARCHAR(32) NOT NULL, linkedid VARCHAR(32) NOT NULL, peer VARCHAR(80) NOT NULL DEFAULT '',
 userdeftype VARCHAR(255) NOT NULL DEFAULT '', extra VARCHAR(512) NOT NULL DEFAULT '', userfield VARCHAR(255) NOT NULL
 DEFAULT '', KEY uniqueid_index (uniqueid), KEY linkedid_index (linkedid)) ENGINE=InnoDB;
CREATE TABLE cdr (calldate DATETIME NOT NULL, clid VARCHAR(80) NOT NULL DEFAULT '', src VARCHAR(80) NOT NULL DEFAULT '',
 dst VARCHAR(80) NOT NULL DEFAULT '', dcontext VARCHAR(80) NOT NULL DEFAULT '', channel VARCHAR(80) NOT NULL DEFAULT '',
 dstchannel VARCHAR(80) NOT NULL DEFAULT '', lastapp VARCHAR(80) NOT NULL DEFAULT '', lastdata VARCHAR(80) NOT NULL
 DEFAULT '', duration INT NOT NULL DEFAULT 0, billsec INT NOT NULL DEFAULT 0, disposition VARCHAR(45) NOT NULL DEFAULT '',
 amaflags INT NOT NULL DEFAULT 0, accountcode VARCHAR(20) NOT NULL DEFAULT '', uniqueid VARCHAR(32) NOT NULL DEFAULT '',
 userfield VARCHAR(255) NOT NULL DEFAULT '', did VARCHAR(50) NOT NULL DEFAULT '', recordingfile VARCHAR(255) NOT NULL
 DEFAULT '', cnum VARCHAR(80) NOT NULL DEFAULT '', cnam VARCHAR(80) NOT NULL DEFAULT '', linkedid VARCHAR(32) NOT NULL
 DEFAULT '', peeraccount VARCHAR(80) NOT NULL DEFAULT '', sequence INT NOT NULL DEFAULT 0, KEY calldate (calldate));
