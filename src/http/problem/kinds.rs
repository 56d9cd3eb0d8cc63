//! The one table of problem types. Partners' programs go by slug and status: a change here breaks
//! them.

/// A type of problem: its slug in the URI reference `/problems/<slug>`, its status, its title, and
/// what whoever gets it should do.
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
    MALFORMED "malformed" 400 "The body is not JSON"
        "Send a body of valid JSON; the detail says where it ends being that.";
    PARAMETER "parameter" 400 "A parameter has a value that is not allowed"
        "Mend the parameter that the detail names.";
    BAD_REQUEST "bad-request" 400 "The request cannot be understood"
        "Keep to HTTP and to this API's reference.";
    IDEMPOTENCY_KEY "idempotency-key" 400 "The Idempotency-Key cannot be taken"
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters, or none.";
    UNAUTHORIZED "unauthorized" 401 "A valid access token is needed"
        "Get a token and send it; WWW-Authenticate says what is wrong with this one.";
    SIGNATURE_MALFORMED "signature-malformed" 400 "The signature cannot be read"
        "Sign as the guide says: method, target URI and content digest must be covered.";
    SIGNATURE_REQUIRED "signature-required" 403 "The request must be signed"
        "Sign the request: this partner's manifest asks for it.";
    SIGNATURE_INVALID "signature-invalid" 403 "The signature proves nothing"
        "Check key, clock, digest and covered components, and sign anew.";
    INSUFFICIENT_SCOPE "insufficient-scope" 403 "The token's scope does not allow this"
        "Ask for a token of the scope that the detail names, if it was granted to you.";
    ROLE_MISSING "role-missing" 403 "The token's roles do not allow this"
        "Have the identity provider grant the role that the detail names.";
    FOUR_EYES "four-eyes" 403 "Another person must approve this"
        "Have another person approve it: whoever proposed it never can.";
    PARTNER_NOT_LISTED "partner-not-listed" 403 "The partner is not on the bank's list"
        "Talk to the bank: the partner is suspended, or not in its term.";
    PRODUCT_NOT_LISTED "product-not-listed" 403 "The partner may not offer this product"
        "Offer only the products on the bank's list for you.";
    SANDBOX_ONLY "sandbox-only" 403 "Only a partner on trial may do this"
        "Use this in the sandbox; a real partner has real customers and real time.";
    NOT_FOUND "not-found" 404 "There is nothing of yours here"
        "Check the id: it does not exist, or it is not yours.";
    METHOD "method-not-allowed" 405 "The resource does not know this method"
        "Use one of the methods that the header Allow names.";
    TIMEOUT "timeout" 408 "The request came too slowly"
        "Send the request again, faster.";
    EVENT_CONFLICT "event-conflict" 409 "The event id is taken by other content"
        "Give a new event a new id; read the receipt of the recorded one under this id.";
    CONFLICTING_DUPLICATE "conflicting-duplicate" 409 "The order has another event of this stage"
        "Compare the differences: the order has an event of this type and stage already.";
    CORRECTION_CONFLICT "correction-conflict" 409 "The correction id is taken by other content"
        "Give a new correction a new id.";
    CORRECTION_CLOSED "correction-closed" 409 "The correction is posted or rejected already"
        "Read the correction: it is posted or rejected already.";
    ANNOUNCEMENT_CONFLICT "announcement-conflict" 409 "The announcement id is taken by other content"
        "Give a new announcement a new id, or cancel the one that is there.";
    TASK_CLOSED "task-closed" 409 "The task is done or cancelled already"
        "Read the task: somebody has closed it, or things have moved on.";
    NOTICE_REQUIRED "notice-required" 409 "This notice cannot be declined"
        "Nothing can be done: law or contract requires this notice.";
    REFERRAL_STATE "referral-state" 409 "The referral does not go there from where it stands"
        "Read the referral: it has gone on already, or has ended.";
    NOT_REVERSIBLE "not-reversible" 409 "The transaction cannot be reversed"
        "Do what the detail says instead.";
    ENDPOINTS_FULL "webhook-endpoints-full" 409 "There are as many endpoints as there may be"
        "Delete an endpoint that you do not use.";
    NOT_DEAD "not-a-dead-letter" 409 "The message was not given up"
        "Read the message's state: it waits, was delivered, or must not go out any more.";
    NOT_SEALED "not-sealed" 409 "The event is not sealed yet"
        "Ask again after Retry-After: it was recorded a moment ago.";
    IDEMPOTENCY_CONFLICT "idempotency-conflict" 409 "The same request is under way"
        "Ask again after Retry-After: the same request is under way.";
    TOO_LARGE "too-large" 413 "The body is too large"
        "Send less at once.";
    MEDIA_TYPE "media-type" 415 "The body is of a type that is not taken here"
        "Send the body in the media type that the reference names.";
    REDEMPTION_NOT_AGREED "redemption-not-agreed" 403 "Points cannot be spent at this partner"
        "Agree with the bank on redemption first.";
    HOLD_CLOSED "hold-closed" 409 "The hold does not allow this any more"
        "Make a new hold: this one was committed, cancelled or timed out.";
    UPLOAD_CONFLICT "upload-conflict" 409 "The upload does not go on there"
        "Ask with HEAD where it stands, and go on from there.";
    UPLOAD_EXPIRED "upload-expired" 410 "The upload was not whole in time"
        "Begin a new upload of the file.";
    TUS_VERSION "tus-version" 412 "This version of the upload protocol is not spoken"
        "Speak tus 1.0.0, and say so by Tus-Resumable.";
    UPLOAD_CHECKSUM "upload-checksum" 460 "The part's checksum does not fit"
        "Send the part again: nothing of it was kept.";
    IDEMPOTENCY_MISMATCH "idempotency-mismatch" 422 "The Idempotency-Key is another request's"
        "Use a new key for another request.";
    INVALID "invalid" 422 "Fields need mending"
        "Mend each field that problems names, and send the event again under the same id.";
    EVENT_TIME "event-time" 422 "The event's time cannot be taken"
        "Check the clock and the time zone of the event's time, and the days agreed.";
    OUTSIDE_TERM "outside-term" 422 "No scheme was in force"
        "Check the event's time: no earning scheme was in force on that day.";
    MEMBER_UNKNOWN "member-unknown" 422 "The member is not known"
        "Have the customer linked first; this partner's events enrol nobody.";
    CUSTOMER_UNKNOWN "customer-unknown" 422 "The customer is not known"
        "Announce only for customers of the programme: they join it by themselves.";
    PAYMENT_UNKNOWN "payment-unknown" 422 "The payment is not known"
        "Send the payment first, or name it by its event id.";
    LINE_UNKNOWN "line-unknown" 422 "The payment has no such line"
        "Name a line that the payment has.";
    REFUND_EXCEEDS "refund-exceeds" 422 "More is refunded than is left"
        "Refund at most what is left of the payment.";
    CODE_INVALID "code-invalid" 422 "The redemption code is no good"
        "Ask the customer for a new code: this one is unknown, used or too old.";
    POINTS_INSUFFICIENT "points-insufficient" 422 "There are not enough points"
        "Hold fewer points.";
    HOLD_UNKNOWN "hold-unknown" 422 "The hold is not known"
        "Name the hold by its event id.";
    REDEMPTION_EXCEEDS "redemption-exceeds" 422 "More points than there are to redeem or return"
        "Commit at most what is held, return at most what was redeemed.";
    VERSION_UNKNOWN "version-unknown" 400 "This version of the API is not served"
        "Name a version that is served, or none.";
    OUT_OF_RANGE "out-of-range" 422 "An amount is out of range"
        "Check the amount: it, or a balance with it, would leave the asset's range.";
    RATE_LIMITED "rate-limited" 429 "Too many requests"
        "Wait as long as Retry-After says; RateLimit tells what is left.";
    QUOTA_EXCEEDED "quota-exceeded" 429 "The events agreed for a day are recorded"
        "Come back on the next business day, or agree on more with the bank.";
    INTERNAL "internal" 500 "A fault of ours"
        "Quote the request id to us; nothing was recorded unless its receipt says so.";
    BUSY "busy" 503 "The service cannot take it now"
        "Send it again after Retry-After: nothing is lost or half-done.";
}
