DROP TABLE daily_events;
DROP TABLE partner_changes;
