-- What each line of a payment brought by each rule, as JSON of rule and hundredths of points, where
-- more than one rule gave points; and in which unit a counter counts. Rows that were there before
-- have neither: they were recorded when refunds went in proportion to the money.
ALTER TABLE lines ADD COLUMN by_rule TEXT;
ALTER TABLE counted ADD COLUMN unit TEXT;
