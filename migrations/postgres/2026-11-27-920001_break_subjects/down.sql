DROP TABLE break_subjects;
