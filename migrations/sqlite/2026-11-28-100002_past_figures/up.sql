-- Figures and counts of periods that nothing reads any more are deleted. What still bounds somebody cannot
-- be.
CREATE TRIGGER exposures_keep_recent BEFORE DELETE ON exposures
WHEN OLD.period >= strftime('%Y-%m-%d', 'now', '-90 days') BEGIN
    SELECT RAISE(ABORT, 'figures of the last 90 days are kept');
END;
CREATE TRIGGER conduct_keep_recent BEFORE DELETE ON conduct
WHEN OLD.period >= strftime('%Y-%m-%d', 'now', '-90 days') BEGIN
    SELECT RAISE(ABORT, 'figures of the last 90 days are kept');
END;
