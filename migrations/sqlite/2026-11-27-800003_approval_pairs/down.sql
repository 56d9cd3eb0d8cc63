DROP INDEX corrections_by_approval;
