DROP TABLE history_imports;
DROP TABLE freezes;
DROP FUNCTION freezes_only_lifted();
DROP TABLE released_events;
DROP TABLE held_events;
DROP FUNCTION held_events_only_forward();
DROP TABLE exposures;
DROP FUNCTION exposures_only_rise();
