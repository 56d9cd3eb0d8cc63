-- The few lots of a customer whose points are owed while they are held. An ordinary event of a
-- customer in debt reads these, not all lots.
CREATE INDEX lots_owing ON lots (customer_id) WHERE owed <> 0;
