DROP TABLE break_attachments;
