DROP TABLE announcement_notices;
DROP TABLE announcements;
