DROP INDEX events_by_order;
