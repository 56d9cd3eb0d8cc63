DROP TABLE conformance_runs;
DROP TABLE observations;
