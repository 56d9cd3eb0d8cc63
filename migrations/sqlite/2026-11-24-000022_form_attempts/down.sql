DROP TABLE form_attempts;
