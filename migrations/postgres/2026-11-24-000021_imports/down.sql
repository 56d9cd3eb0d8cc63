DROP TABLE import_rejects;
DROP TABLE import_parts;
DROP TABLE imports;
