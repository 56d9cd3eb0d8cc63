-- Staff look for events by the number of their order.
CREATE INDEX events_by_order ON events ((body::json #>> '{data,order}'));
