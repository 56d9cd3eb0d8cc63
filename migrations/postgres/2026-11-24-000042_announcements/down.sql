DROP TABLE announcement_notices;
DROP TABLE announcements;
DROP FUNCTION announcements_only_cancel;
