//! The one table of problem types. Partners' programs go by slug and status: a change here breaks
//! them. A title begins with the standard's name of the status (RFC 9110).

/// A type of problem: its slug in the URI reference `/problems/<slug>`, its status, its title, and
/// what the caller should do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub slug: &'static str,
    pub status: u16,
    pub title: &'static str,
    pub advice: &'static str,
}

macro_rules! kinds {
    ($($name:ident $slug:literal $status:literal $title:literal $advice:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: Kind =
                Kind { slug: $slug, status: $status, title: $title, advice: $advice };
        )*
        /// Every kind there is.
        pub const KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    MALFORMED "malformed" 400 "Bad request: the body is not JSON"
        "Send a body of valid JSON; the detail says where it is not.";
    PARAMETER "parameter" 400 "Bad request: a parameter has a value that is not allowed"
        "Mend the parameter that the detail names.";
    BAD_REQUEST "bad-request" 400 "Bad request"
        "Keep to HTTP and to this API's reference.";
    IDEMPOTENCY_KEY "idempotency-key" 400 "Bad request: the Idempotency-Key cannot be taken"
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters, or none.";
    UNAUTHORIZED "unauthorized" 401 "Unauthorized: a valid access token is needed"
        "Get a token and send it; WWW-Authenticate says what is wrong with this one.";
    SIGNATURE_MALFORMED "signature-malformed" 400 "Bad request: the signature cannot be read"
        "Sign as the guide says: method, target URI and content digest must be covered.";
    SIGNATURE_REQUIRED "signature-required" 403 "Forbidden: the request must be signed"
        "Sign the request: this partner's manifest asks for it.";
    SIGNATURE_INVALID "signature-invalid" 403 "Forbidden: the signature is not valid"
        "Check key, clock, digest and covered components, and sign anew.";
    INSUFFICIENT_SCOPE "insufficient-scope" 403 "Forbidden: the token's scope does not allow this"
        "Ask for a token of the scope that the detail names, if it was granted to you.";
    ROLE_MISSING "role-missing" 403 "Forbidden: the token's roles do not allow this"
        "Have the identity provider grant the role that the detail names.";
    FOUR_EYES "four-eyes" 403 "Forbidden: another person must approve this"
        "Have another person approve it: whoever proposed it never can.";
    PARTNER_NOT_LISTED "partner-not-listed" 403 "Forbidden: the partner is not on the bank's list"
        "Talk to the bank: the partner is suspended, or not in its term.";
    PRODUCT_NOT_LISTED "product-not-listed" 403 "Forbidden: the partner may not offer this product"
        "Offer only the products on the bank's list for you.";
    SANDBOX_ONLY "sandbox-only" 403 "Forbidden: only a partner on trial may do this"
        "Use this in the sandbox; a real partner has real customers and real time.";
    NOT_FOUND "not-found" 404 "Not found"
        "Check the id: it does not exist, or it is not yours.";
    METHOD "method-not-allowed" 405 "Method not allowed"
        "Use one of the methods that the header Allow names.";
    TIMEOUT "timeout" 408 "Request timeout"
        "Send the request again, faster.";
    EVENT_CONFLICT "event-conflict" 409 "Conflict: the event id is taken by other content"
        "Give a new event a new id; read the receipt of the recorded one under this id.";
    CONFLICTING_DUPLICATE "conflicting-duplicate" 409 "Conflict: the order has another event of this stage"
        "Compare the differences: the order has an event of this type and stage already.";
    CORRECTION_CONFLICT "correction-conflict" 409 "Conflict: the correction id is taken by other content"
        "Give a new correction a new id.";
    CORRECTION_CLOSED "correction-closed" 409 "Conflict: the correction is posted or rejected already"
        "Read the correction: it is posted or rejected already.";
    ANNOUNCEMENT_CONFLICT "announcement-conflict" 409 "Conflict: the announcement id is taken by other content"
        "Give a new announcement a new id, or cancel the one that is there.";
    TASK_CLOSED "task-closed" 409 "Conflict: the task is done or cancelled already"
        "Read the task: somebody has closed it, or things have moved on.";
    BREAK_STATE "break-state" 409 "Conflict: the break does not stand where this could be done"
        "Read the break: somebody has decided on it, a proposal waits, or none does.";
    MATCH_STATE "match-state" 409 "Conflict: the match does not stand where this could be done"
        "Read what the line matches: nothing, or the match is ended or waits for a decision.";
    SETTLEMENT_STATE "settlement-state" 409 "Conflict: the month does not stand where this could be done"
        "Do what the detail says: the month is not over, is closed, or waits for another person.";
    RECONCILIATION_UNDER_WAY "reconciliation-under-way" 409 "Conflict: the month is being compared"
        "Wait as long as Retry-After says: one run at a time compares a month.";
    NOTICE_REQUIRED "notice-required" 409 "Conflict: this notice cannot be declined"
        "Nothing can be done: law or contract requires this notice.";
    REFERRAL_STATE "referral-state" 409 "Conflict: the referral does not go there from where it stands"
        "Read the referral: it has gone on already, or has ended.";
    HELD_CLOSED "held-closed" 409 "Conflict: the held event is released or rejected already"
        "Read the held event: somebody has decided on it, or nothing can come of it.";
    FREEZE_STATE "freeze-state" 409 "Conflict: whether the partner is frozen does not allow this"
        "Read the freezes: the partner is frozen already, or is not.";
    NOT_REVERSIBLE "not-reversible" 409 "Conflict: the transaction cannot be reversed"
        "Do what the detail says instead.";
    ENDPOINTS_FULL "webhook-endpoints-full" 409 "Conflict: there are as many endpoints as there may be"
        "Delete an endpoint that you do not use.";
    NOT_DEAD "not-a-dead-letter" 409 "Conflict: the message was not given up"
        "Read the message's state: it waits, was delivered, or must not go out any more.";
    NOT_SEALED "not-sealed" 409 "Conflict: the event is not sealed yet"
        "Ask again after Retry-After: it was recorded a moment ago.";
    IDEMPOTENCY_CONFLICT "idempotency-conflict" 409 "Conflict: the same request is under way"
        "Ask again after Retry-After: the same request is under way.";
    TOO_LARGE "too-large" 413 "Content too large"
        "Send less at once.";
    MEDIA_TYPE "media-type" 415 "Unsupported media type"
        "Send the body in the media type that the reference names.";
    REDEMPTION_NOT_AGREED "redemption-not-agreed" 403 "Forbidden: points cannot be spent at this partner"
        "Agree with the bank on redemption first.";
    AWAITS_CUSTOMER "awaits-customer" 409 "Conflict: the customer has not confirmed the redemption yet"
        "Ask the customer to confirm it in the bank's app, then commit again, or cancel the hold. Without an answer it times out.";
    HOLD_CLOSED "hold-closed" 409 "Conflict: the hold does not allow this any more"
        "Make a new hold: this one was committed, cancelled, declined by the customer, or timed out.";
    UPLOAD_CONFLICT "upload-conflict" 409 "Conflict: the upload does not go on there"
        "Ask with HEAD where it stands, and go on from there.";
    UPLOAD_EXPIRED "upload-expired" 410 "Gone: the upload was not whole in time"
        "Begin a new upload of the file.";
    TUS_VERSION "tus-version" 412 "Precondition failed: this version of the upload protocol is not spoken"
        "Speak tus 1.0.0, and say so by Tus-Resumable.";
    BANK_FILE_REFUSED "bank-file-refused" 422 "Unprocessable content: the file is no answer of the bank that can be taken"
        "Correct the line that the detail names, or export the file from the bank again: nothing of it was kept.";
    STATEMENT_REFUSED "statement-refused" 422 "Unprocessable content: the file is no statement"
        "Mend the lines that problems names, and send the file again: nothing of it was kept.";
    NO_STATEMENT "no-statement" 422 "Unprocessable content: no statement of the month is there"
        "Hand in the partner's statement of the month first.";
    ATTACHMENT_REFUSED "attachment-refused" 422 "Unprocessable content: the file cannot be attached"
        "Send a PDF, a picture, plain text, CSV or a workbook, as the type that it is.";
    TOTAL_DIFFERS "total-differs" 422 "Unprocessable content: the total is another one"
        "Count the breaks and their sums again: they are not what you have looked at.";
    WRITE_OFF_EXCEEDS "write-off-exceeds" 422 "Unprocessable content: more than may be written off"
        "Accept it, or ask the partner: the manifest says how much may be written off.";
    ADJUSTMENT_EXCEEDS "adjustment-exceeds" 422 "Unprocessable content: more than is left to adjust"
        "Adjust by what the two sides are apart at most, less what earlier decisions about the rows posted.";
    UPLOAD_CHECKSUM "upload-checksum" 460 "Checksum mismatch"
        "Send the part again: nothing of it was kept.";
    IDEMPOTENCY_MISMATCH "idempotency-mismatch" 422 "Unprocessable content: the Idempotency-Key is another request's"
        "Use a new key for another request.";
    INVALID "invalid" 422 "Unprocessable content: fields are wrong"
        "Mend each field that problems names, and send the event again under the same id.";
    EVENT_TIME "event-time" 422 "Unprocessable content: the event's time cannot be taken"
        "Check the clock and the time zone of the event's time, and the days agreed.";
    OUTSIDE_TERM "outside-term" 422 "Unprocessable content: no scheme was in force"
        "Check the event's time: no earning scheme was in force on that day.";
    MEMBER_UNKNOWN "member-unknown" 422 "Unprocessable content: the member is not known"
        "Have the customer linked first; this partner's events enrol nobody.";
    CUSTOMER_UNKNOWN "customer-unknown" 422 "Unprocessable content: the customer is not known"
        "Announce only for customers of the programme: they join it by themselves.";
    PAYMENT_UNKNOWN "payment-unknown" 422 "Unprocessable content: the payment is not known"
        "Send the payment first, or name it by its event id.";
    LINE_UNKNOWN "line-unknown" 422 "Unprocessable content: the payment has no such line"
        "Name a line that the payment has.";
    REFUND_EXCEEDS "refund-exceeds" 422 "Unprocessable content: more is refunded than is left"
        "Refund at most what is left of the payment.";
    PARTS_MANY "too-many-parts" 422 "Unprocessable content: there are too many parts"
        "Refund or return all that is left in one.";
    CODE_INVALID "code-invalid" 422 "Unprocessable content: the redemption code is no good"
        "Ask the customer for a new code: this one is unknown, not for you, used, refused too often, or too old.";
    POINTS_INSUFFICIENT "points-insufficient" 422 "Unprocessable content: there are not enough points"
        "Hold fewer points, or ask the customer for a code for more.";
    HOLD_UNKNOWN "hold-unknown" 422 "Unprocessable content: the hold is not known"
        "Name the hold by its event id.";
    REDEMPTION_EXCEEDS "redemption-exceeds" 422 "Unprocessable content: more points than there are to redeem or return"
        "Commit at most what is held, return at most what was redeemed.";
    VERSION_UNKNOWN "version-unknown" 400 "Bad request: this version of the API is not served"
        "Name a version that is served, or none.";
    OUT_OF_RANGE "out-of-range" 422 "Unprocessable content: an amount is out of range"
        "Check the amount: it, or a balance with it, would leave the asset's range.";
    RATE_LIMITED "rate-limited" 429 "Too many requests"
        "Wait as long as Retry-After says; RateLimit tells what is left.";
    QUOTA_EXCEEDED "quota-exceeded" 429 "Too many requests: the daily quota is used up"
        "Come back on the next business day, or agree on more with the bank.";
    INTERNAL "internal" 500 "Internal server error"
        "Quote the request id to us; nothing was recorded unless its receipt says so.";
    BUSY "busy" 503 "Service unavailable"
        "Send it again after Retry-After: nothing is lost or half-done.";
}
