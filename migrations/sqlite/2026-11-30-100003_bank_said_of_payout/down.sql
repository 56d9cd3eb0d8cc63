DROP INDEX bank_entries_of_payout;
