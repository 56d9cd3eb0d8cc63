DROP TABLE history_imports;
DROP TABLE freezes;
DROP TABLE released_events;
DROP TABLE held_events;
DROP TABLE exposures;
