DROP TABLE event_signatures;
DROP TABLE signed_contents;
DROP TABLE signatures;
