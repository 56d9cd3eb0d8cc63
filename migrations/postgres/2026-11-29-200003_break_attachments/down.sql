DROP TABLE break_attachments;
DROP FUNCTION break_attachments_as_they_came;
