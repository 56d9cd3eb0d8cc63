DROP TABLE break_notes;
DROP TABLE break_proposals;
DROP TABLE breaks;
DROP TABLE matches;
DROP TABLE reconciliations;
