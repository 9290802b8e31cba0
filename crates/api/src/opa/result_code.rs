//! The closed table of result codes: HTTP status, code, codeId and a message for a developer.

/// One row of the table of result codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// HTTP status.
    pub status: u16,
    /// The code that a program looks at.
    pub code: &'static str,
    /// The finer number, as text with leading zeros. Those that the format's owner never published are ours, begin with
    /// `0877` and never change.
    pub code_id: &'static str,
    /// A short text in English for a developer.
    pub message: &'static str,
}

macro_rules! result_codes {
    ($($(#[$about:meta])* $name:ident = $status:literal $code:literal $code_id:literal $message:literal;)*) => {
        /// Every answer that a merchant call can get.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResultCode {
            $($(#[$about])* $name,)*
        }

        impl ResultCode {
            /// All of them, in the order of the table.
            pub const ALL: &'static [ResultCode] = &[$(ResultCode::$name),*];

            /// Its row: HTTP status, code, codeId and message.
            pub const fn row(self) -> &'static ResultRow {
                match self {
                    $(ResultCode::$name =>
                        &ResultRow { status: $status, code: $code, code_id: $code_id, message: $message },)*
                }
            }
        }
    };
}

result_codes! {
    /// Done, the object is in `data`.
    Success = 200 "SUCCESS" "08100001" "Success";
    /// Done, a new object is in `data` (create calls that the format answers with 201).
    Created = 201 "SUCCESS" "08100001" "Success";
    /// Accepted; the outcome is asked for later.
    RequestAccepted = 202 "REQUEST_ACCEPTED" "08100001" "Request accepted";

    /// A field is wrong; the message names it.
    InvalidRequestParams = 400 "INVALID_REQUEST_PARAMS" "08100006" "Invalid request params";
    /// A required field is absent; the message names it.
    MissingRequestParams = 400 "MISSING_REQUEST_PARAMS" "08100024" "Missing request params";
    /// The values are well-formed and make no sense together.
    InvalidParams = 400 "INVALID_PARAMS" "00200004" "Invalid parameters received";
    /// The signature, its time, its nonce, its key or its merchant is not accepted; which of them is not said.
    Unauthorized = 401 "UNAUTHORIZED" "08100016" "Unauthorized request";
    /// The signature is right and its time is not: less than two minutes from our clock (the `Date` of the answer) is asked for.
    ClockDrift = 401 "UNAUTHORIZED" "08770005" "The signature is right, but its time is two minutes or more from this server's clock (see Date)";
    /// The key may not do this.
    OpOutOfScope = 401 "OP_OUT_OF_SCOPE" "08100023" "The operation is not permitted";
    /// The merchant of the key is not known any more.
    OpaClientNotFound = 404 "OPA_CLIENT_NOT_FOUND" "08100007" "OPA Client not found";
    /// There is nothing at this path.
    RouteUnknown = 404 "RESOURCE_NOT_FOUND" "08770001" "No such path";
    /// The path exists, with another method.
    MethodNotAllowed = 405 "INVALID_REQUEST_PARAMS" "08770002" "Method not allowed for this path";
    /// The body did not arrive in time.
    RequestTimeout = 408 "INVALID_REQUEST_PARAMS" "08770003" "The request did not arrive in time";
    /// The body is larger than is read.
    BodyTooLarge = 413 "INVALID_REQUEST_PARAMS" "08770004" "The request body is too large";
    /// Too much at once; nothing was decided, the same request may be sent again.
    RateLimit = 429 "RATE_LIMIT" "08100998" "Too many requests";
    /// Something failed here; the outcome is unknown until asked for.
    InternalServerError = 500 "INTERNAL_SERVER_ERROR" "08101000" "Something went wrong on the service side";
    /// The same bytes were delivered before, and what became of them is not known here: read the payment, or send the request
    /// again with a new signature; its id keeps it from being done twice.
    OutcomeUnknown = 500 "OUTCOME_UNKNOWN" "08770006" "This request was delivered before and its outcome is not known here: read the payment, or sign again";
    /// The server stands by or shuts down; nothing was decided.
    MaintenanceMode = 503 "MAINTENANCE_MODE" "08100999" "Sorry, we are down for scheduled maintenance";

    /// The balance does not cover the amount.
    NoSufficientFund = 400 "NO_SUFFICIENT_FUND" "08770101" "The balance is too small";
    /// The same user paid the same amount a moment ago.
    SuspectedDuplicatePayment = 400 "SUSPECTED_DUPLICATE_PAYMENT" "08770102" "Suspected duplicate payment";
    /// The payment was cancelled before it arrived.
    CancelledBeforePayment = 400 "UNACCEPTABLE_OP" "08770103" "The payment was cancelled before it arrived";
    /// A limit of the user or the platform stands against it.
    LimitExceeded = 400 "LIMIT_EXCEEDED" "08770104" "A limit is exceeded";
    /// The user's wallet was closed.
    CanceledUser = 400 "CANCELED_USER" "01103027" "Canceled user";
    /// No such authorisation for this merchant.
    InvalidUserAuthorizationId = 401 "INVALID_USER_AUTHORIZATION_ID" "08770105" "Invalid user authorization id";
    /// The authorisation has run out or was taken back.
    ExpiredUserAuthorizationId = 401 "EXPIRED_USER_AUTHORIZATION_ID" "08770106" "Expired user authorization id";
    /// The user's wallet is frozen.
    UserStateIsNotActive = 401 "USER_STATE_IS_NOT_ACTIVE" "08770107" "The user is not active";
    /// Another payment or refund was made under this id: money has moved.
    IdempotencyConflict = 409 "IDEMPOTENCY_CONFLICT" "08770108" "A different request was carried out under this id: read it";
    /// Another request was refused under this id: no money has moved.
    IdempotencyConflictRefused = 409 "IDEMPOTENCY_CONFLICT" "08770110" "A different request was refused under this id and no money moved: use a new id";
    /// Any other rule of the platform stands against it.
    UnacceptableOp = 400 "UNACCEPTABLE_OP" "08770109" "The operation is not acceptable";

    /// The scanned code was never issued here, or is none at all.
    CodeUnknown = 400 "CUSTOMER_CODE_UNKNOWN" "08770201" "The customer's code is not known";
    /// The scanned code ran out.
    CodeExpired = 400 "CUSTOMER_CODE_EXPIRED" "08770202" "The customer's code has expired";
    /// The scanned code has paid already.
    CodeSpent = 400 "CUSTOMER_CODE_SPENT" "08770203" "The customer's code was used already";
    /// The customer's phone shows a newer code.
    CodeReplaced = 400 "CUSTOMER_CODE_REPLACED" "08770204" "The customer's code was replaced by a newer one";
    /// The merchant has no such store.
    StoreUnknown = 400 "STORE_NOT_FOUND" "08770205" "The store is not known";
    /// The store has no such till.
    TerminalUnknown = 400 "TERMINAL_NOT_FOUND" "08770206" "The terminal is not known";
    /// The till asked for too many unknown codes.
    TerminalLocked = 429 "RATE_LIMIT" "08770207" "The terminal is locked for a minute: too many unknown codes";

    /// What was set aside has been captured.
    AlreadyCaptured = 400 "ALREADY_CAPTURED" "00200039" "Cannot capture already captured acquiring order";
    /// What was set aside has gone back.
    OrderNotCapturable = 400 "ORDER_NOT_CAPTURABLE" "00200035" "Order is not capturable";
    /// What was set aside was not captured in time.
    OrderExpired = 400 "ORDER_EXPIRED" "00200043" "Order is expired";
    /// What was set aside has been captured, and is given back by a refund.
    OrderNotCancelable = 400 "ORDER_NOT_CANCELABLE" "00200042" "Order is not cancelable";
    /// More than was set aside.
    HigherCaptureNotPermitted = 400 "HIGHER_CAPTURE_NOT_PERMITTED" "00400062" "The capture exceeds the authorised amount";
    /// An amount may not be set aside for so long, or for no time.
    PreAuthExpiryInvalid = 400 "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE" "00400061" "The expiry date is not acceptable";

    /// There is no such payment.
    OrderNotFound = 404 "RESOURCE_NOT_FOUND" "00200001" "Order not found";
    /// A payment was asked for under this id and refused: nothing was taken, and nothing will be.
    OrderRefused = 404 "RESOURCE_NOT_FOUND" "08770303" "Order was refused: nothing was taken";
    /// The payment can no longer be cancelled.
    OrderNotReversible = 400 "ORDER_NOT_REVERSIBLE" "00200044" "Order cannot be reversed";
    /// The payment cannot be refunded (it was cancelled, or never completed).
    OrderNotRefundable = 400 "UNACCEPTABLE_OP" "00200013" "Order cannot be refunded";
    /// The refunds would exceed the payment.
    InvalidRefundAmount = 400 "INVALID_PARAMS" "00200015" "Invalid refund amount";
    /// The refund comes too late.
    RefundWindowExceed = 400 "REFUND_WINDOW_EXCEED" "08770301" "The refund window has passed";
    /// The payment was refunded in as many parts as it may be.
    RefundLimitExceeded = 400 "REFUND_LIMIT_EXCEEDED" "08770302" "The payment cannot be refunded in more parts";
    /// There is no such refund.
    NoSuchRefundOrder = 404 "NO_SUCH_REFUND_ORDER" "00200018" "Refund not found";
}
