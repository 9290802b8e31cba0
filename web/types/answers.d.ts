// What the server answers to the pages (`crates/server/src/http`). Amounts are whole yen, `_ms` is milliseconds UTC.

/** `POST /api/charge`, a row of `GET /api/payments` and of `GET /api/till/sales`, `POST /api/void`. */
export interface Payment {
  payment_id: string;
  receipt_number: string;
  amount: number;
  refunded: number;
  refundable: number;
  status: 'paid' | 'cancelled' | 'refunded' | 'part_refunded';
  at_ms: number;
  /** The name as a cashier may read it. */
  customer: string;
  /** The till it was paid at; null where a register said none. */
  till: string | null;
  /** What the goods are, as the till or the merchant's program said; empty where nothing was said. */
  categories: string[];
}

/** `GET /api/till/day`: a day in Japan as `2026-11-28`. */
export interface DayClose {
  day: string;
  takings: Takings;
}

/** `GET /api/till/sales`: newest first; `next` is null where there are no more. */
export interface FoundSales {
  sales: Payment[];
  next: string | null;
}

/** `POST /api/charge/give-up`: whether the sale had been paid; then it is given back. */
export type GivenUp = { outcome: 'given_back'; payment: Payment } | { outcome: 'never_paid' };

export interface Figure {
  count: number;
  amount: number;
}

/** What was sold, given back in part, undone, and is left, today: the same on till and console. */
export interface Takings {
  sales: Figure;
  refunds: Figure;
  voids: Figure;
  net: number;
}

/** `GET /api/till`. */
export interface Till {
  till_id: string;
  till: string;
  store: string;
  merchant: string;
  /** The number that the tax office knows the merchant by; null where none was said. */
  invoice_number: string | null;
  takings: Takings;
}

/** `GET /api/about`: what the operator says of itself. */
export interface About {
  operator_name: string | null;
  operator_contact: string | null;
  terms_url: string | null;
  privacy_url: string | null;
  /** Providers of external IDs that the operator offers. */
  external_ids: ExternalProvider[];
  version: string;
}

export type WalletStatus = 'active' | 'frozen';

/** `GET /api/home`. */
export interface Home {
  wallet_id: string;
  display_name: string;
  locale: string;
  balance: number;
  held: number;
  status: WalletStatus;
  /** Where the wallet pays from: this device, another one, or any while its owner has named none. */
  pays_from: 'here' | 'elsewhere' | 'anywhere';
  event_id: string;
  card_top_up: { min: number; max: number };
  balance_cap: number;
}

/** `POST /api/code`. */
export interface Code {
  code: string;
  barcode_svg: string;
  qr_svg: string;
  life_ms: number;
  expires_at_ms: number;
}

/** A row of `GET /api/history`; an event of the stream carries the same. */
export interface Entry {
  id: string;
  kind: string;
  amount: number;
  balance: number;
  balance_after: number;
  at_ms: number;
  merchant: string | null;
  store: string | null;
  till: string | null;
  receipt_number: string | null;
  payment_id: string | null;
}

export interface HistoryPage {
  entries: Entry[];
  next: string | null;
}

/** `GET /api/receipts/{id}`: the rest only where it is a payment. */
export interface Receipt extends Entry {
  /** The number that the tax office knows the merchant by. */
  invoice_number: string | null;
  refunded?: number;
  refundable?: number;
  cancelled_at_ms?: number | null;
  refunds?: { id: string; amount: number; at_ms: number }[];
}

/** A row of `GET /api/top-ups`; without an address its page has closed. */
export interface OpenTopUp {
  top_up_id: string;
  amount: number;
  started_at_ms: number;
  redirect_url: string | null;
}

/** `GET /api/top-ups/{id}`, `POST /api/top-ups/{id}/call-off`. */
export interface TopUpState {
  top_up_id: string;
  state: string;
  amount: number;
}

/** A row of `GET /api/sessions`. */
export interface Session {
  session: string;
  current: boolean;
  /** Which family of browsers, a word such as `chrome_phone`. */
  browser: string;
  made_at_ms: number;
  seen_at_ms: number;
  ends_at_ms: number;
}

/** A row of `GET /api/permissions`. */
export interface Permission {
  permission_id: string;
  merchant: string | null;
  since_ms: number | null;
}

/** `POST /api/permissions/link`: what a shop asks for. */
export interface AskedLink {
  merchant: string | null;
  merchant_id: string;
  reference_id: string;
  scopes: string[];
  redirect_host: string | null;
  expires_at_ms: number;
  is_allowed: boolean;
}

export interface StoreSum {
  store_id: string;
  store: string | null;
  merchant: string | null;
  takings: Takings;
}

export interface HourSum {
  hour: number;
  count: number;
  amount: number;
}

export interface TrialLine {
  account: string;
  debit: number;
  credit: number;
}

export interface StateSum {
  state: string;
  count: number;
  amount: number;
}

/** `GET /api/today`; with the version of an answer before only what changed, and nothing where nothing did. */
export interface Today {
  now_ms: number;
  version: string;
  /** The last five minutes, seconds without payments left out. */
  payments_per_second: { at_ms: number; count: number; amount: number }[];
  takings: Takings;
  stores: StoreSum[];
  hours: HourSum[];
  owed_to_customers: number;
  trial_balance: TrialLine[];
  in_balance: boolean;
  top_ups: StateSum[];
  journal: { seq: number; applied_seq: number; lag: number };
  wallets: number;
}

/** A row of `GET /api/payments` of the console: whose it is, is not in it. */
export interface ConsolePayment {
  payment_id: string;
  receipt_number: string;
  /** Null for a sale of a till's page. */
  merchant_payment_id: string | null;
  at_ms: number;
  merchant: string | null;
  store: string | null;
  till: string | null;
  amount: number;
  refunded: number;
  status: 'paid' | 'cancelled' | 'refunded' | 'part_refunded';
}

export interface ConsolePayments {
  payments: ConsolePayment[];
  next: string | null;
  /** Where there is more: how far back it was looked through. */
  reached_ms: number | null;
}

/** `GET /api/outbox`. */
export interface Outbox {
  waiting: number;
  sent: number;
  dead: { id: string; kind: string; attempts: number; last_error: string }[];
}

export interface CardAlarm {
  top_up_id: string;
  amount: number;
  refunded: number;
  disputed: boolean;
  charge: string;
  liability_shift: string;
  at_ms: number;
}

/** `GET /api/card-alarms`. */
export interface CardAlarms {
  count: number;
  alarms: CardAlarm[];
}

/** A row of `GET /api/tills`. */
export interface ConsoleTill {
  till_id: number;
  store: string;
  name: string;
  enrolled: boolean;
}

/** A row of `GET /api/merchants`. */
export interface MerchantRow {
  merchant_id: number;
  name: string;
  stores: number;
  tills: number;
  api_keys: number;
}

export interface ApiKey {
  api_key: string;
  made_at_ms: number;
  opa_auth: boolean;
  live: boolean;
  revoked_at_ms: number | null;
  /** What operators say it is for. */
  label: string | null;
}

export interface StoreRow {
  store_id: number;
  name: string;
  tills: number;
}

/** `GET /api/merchants/{id}`. */
export interface Merchant {
  merchant_id: number;
  name: string;
  api_keys: ApiKey[];
  stores: StoreRow[];
  stores_found: number;
  stores_in_all: number;
  invoice_number: string | null;
  reversals: ReversalRule;
}

/** What a merchant's tills may give back, and how much of one sale without a supervisor, in yen. */
export interface ReversalRule {
  reach: 'store' | 'merchant';
  alone_up_to: number;
}

/** Who may stand beside a store's tills with a PIN. */
export interface Supervisor {
  supervisor_id: string;
  name: string;
  made_at_ms: number;
}

/** A row of `GET /api/till-alarms`. */
export interface TillAlarm {
  alarm: string;
  what: string;
  till_id: number;
  till: string | null;
  store: string | null;
  first_at_ms: number;
  last_at_ms: number;
  times: number;
}

/** Where a store is and what it sells, as far as that is said; a prefecture by its number in JIS X 0401. */
export interface StoreDetails {
  prefecture: number | null;
  town: string | null;
  kind: string | null;
}

/** `GET /api/stores/{id}`. */
export interface Store extends StoreDetails {
  store_id: number;
  name: string;
  merchant_id: number;
  merchant: string;
  tills: { till_id: number; name: string; enrolled: boolean }[];
  supervisors: Supervisor[];
}

/** What an operator is there for. */
export type Role = 'viewer' | 'support' | 'fraud' | 'finance' | 'admin';

/** As in docs/roles.md. */
export type OperatorPermission =
  | 'enter_console'
  | 'see_house'
  | 'see_payments'
  | 'see_acts'
  | 'see_customers'
  | 'find_customers'
  | 'open_histories'
  | 'write_notes'
  | 'freeze_wallets'
  | 'release_holds'
  | 'pair_tills'
  | 'handle_alarms'
  | 'manage_shops'
  | 'set_money_rules'
  | 'manage_api_keys'
  | 'manage_operators'
  | 'edit_templates'
  | 'see_approvals'
  | 'decide_approvals'
  | 'propose_erasure'
  | 'decide_erasure'
  | 'propose_recovery'
  | 'decide_recovery';

/** `GET /api/me` of the console. */
export interface Me {
  name: string;
  role: Role;
  may: OperatorPermission[];
  /** Proposals of others that this operator may decide. */
  to_decide: number;
}

/** One of the passkeys of the operator who is signed in. */
export interface OwnPasskey {
  passkey: string;
  browser: string;
  made_at_ms: number;
  used_at_ms: number | null;
  opened_this_session: boolean;
  may_remove: boolean;
}

/** `GET /api/own-passkeys`. */
export interface OwnPasskeys {
  passkeys: OwnPasskey[];
  passkeys_max: number;
}

/** What one operator proposed, for another one to approve. */
export interface Approval {
  approval: string;
  what: 'erasure';
  stage: 'open' | 'approved' | 'done' | 'declined' | 'withdrawn' | 'stopped' | 'expired' | 'failed';
  wallet_id: string;
  despite_balance: boolean;
  /** Why; null once the person is erased. */
  detail: string | null;
  by: string | null;
  yours: boolean;
  made_at_ms: number;
  expires_at_ms: number;
  decided_by: string | null;
  decided_at_ms: number | null;
  due_at_ms: number | null;
  ended_at_ms: number | null;
  may_approve: boolean;
  may_decline: boolean;
  may_withdraw: boolean;
}

/** `GET /api/approvals`. */
export interface Approvals {
  now_ms: number;
  open: number;
  approvals: Approval[];
}

export interface Operator {
  role: Role;
  /** False for one who came back with a restore and waits for another operator. */
  confirmed: boolean;
  operator: string;
  name: string;
  yourself: boolean;
  active: boolean;
  made_at_ms: number;
  link_ends_at_ms: number | null;
  used_at_ms: number | null;
}

/** `GET /api/operators`. */
export interface Operators {
  now_ms: number;
  operators: Operator[];
}

/** A refusal in words. */
export interface RefusalWords {
  code: string;
  message_ja: string;
  message_en: string;
}

/** Who acted; a name is null where it is not known (any more). */
export type ActActor =
  | { kind: 'customer'; wallet_id: string; name: string | null }
  | { kind: 'operator'; operator: string; name: string | null }
  | { kind: 'till'; till_id: number; name: string | null; store: string | null; approved_by: string | null }
  | { kind: 'key'; mark: string; merchant: string | null }
  | { kind: 'system'; reason: string };

/** Whom or what an act is about; null for the ledger itself. */
export type ActSubject = {
  kind: 'wallet' | 'merchant' | 'store' | 'till' | 'operator' | 'api_key' | 'template'; id: string; name: string | null
} | null;

/** A row of `GET /api/acts`. */
export interface Act {
  act: string;
  at_ms: number;
  what: string;
  by: ActActor;
  about: ActSubject;
  from: { prefix: string; hash: string } | null;
  browser: string;
  request: string | null;
  refusal: RefusalWords | null;
  /** Of a changed contact: which one, masked, whether an earlier change is taken back, and whether the secret of a letter did it. */
  contact?: string;
  undoing?: boolean;
  by_letter?: boolean;
}

/** A row of `GET /api/wallets/{id}/notes`; the text is null once its person is erased. */
export interface WalletNote {
  note: string;
  at_ms: number;
  by: ActActor;
  text: string | null;
}

/** A row of `GET /api/activity`. */
export interface Activity {
  act: string;
  at_ms: number;
  what: string;
  by: { kind: string; name?: string | null; reason?: string };
  same_network: boolean | null;
  browser: string | null;
  refusal: RefusalWords | null;
  /** Of a changed contact: which one, masked, and whether an earlier change is taken back. */
  contact?: string;
  undoing?: boolean;
}

/** A contact of a customer, as operators see it. */
export interface MaskedContact {
  kind: 'phone' | 'mail';
  masked: string;
  preferred: boolean;
  /** There since sign-up or for 72 hours: removed, it is told what touches safety for 72 hours more. */
  settled: boolean;
  since_ms: number;
  removed_at_ms: number | null;
  /** Until when a removed one can be put back. */
  forgotten_at_ms: number | null;
}

/** A row of `GET /api/contacts`. */
export interface OwnContact extends MaskedContact {
  contact_id: string;
  contact: string;
}

/** `GET /api/wallets/{id}` of the console. */
export interface CustomerWallet {
  wallet_id: string;
  balance: number;
  held: number;
  /** What merchants have set aside, the oldest first. */
  holds: { hold_id: string, merchant: string | null, amount: number, expires_at_ms: number }[];
  frozen: boolean;
  name: string | null;
  contacts: MaskedContact[];
  /** How many passkeys open the wallet. */
  passkeys: number;
  erased_at_ms: number | null;
}

/** What a browser is told of the owner's passkeys: the arguments of its signal calls. */
export interface PasskeySignals {
  rp_id: string;
  user_id: string;
  accepted: string[];
  name: string;
  display_name: string;
}

/** A passkey of the owner. */
export interface OwnPasskey {
  /** The credential id, base64url. */
  passkey: string;
  /** What the owner calls it; null if nobody has said. */
  name: string | null;
  browser: string;
  /** Whether it can leave its device, and has. */
  kept: 'one_device' | 'not_synced_yet' | 'synced' | null;
  made_at_ms: number;
  used_at_ms: number | null;
  /** Whether it was last used in the network that asks; null where that is not known. */
  used_here: boolean | null;
  /** Sessions that it opened and that are still alive. */
  sessions: number;
  opened_this_session: boolean;
  may_remove: boolean;
}

/** `GET /api/passkeys`, and what every change of them answers. */
export interface OwnPasskeys {
  passkeys: OwnPasskey[];
  passkeys_max: number;
  signals: PasskeySignals;
}

/** `GET /api/notices`. */
export interface NoticeState {
  money: { push: boolean, mail: boolean, sms: boolean };
  safety: { push: boolean };
  locale: 'ja' | 'en' | null;
  mail_contacts: number;
  phone_contacts: number;
  push_key: string;
  browsers: { push_id: string, browser: string, since_ms: number, here: boolean }[];
}

/** Words of a notice in one language. */
export interface NoticeWords {
  subject: string;
  text: string;
  version: number;
  own: boolean;
}

/** A kind of notice. */
export interface NoticeTemplate {
  kind: string;
  group: 'money' | 'safety';
  values: string[];
  ja: NoticeWords;
  en: NoticeWords;
}

/** `GET /api/templates` of the console. */
export interface NoticeTemplates {
  kinds: NoticeTemplate[];
}

/** One of `GET /api/denied-notices` of the console. */
export interface DeniedNotice {
  notice: string;
  wallet_id: string;
  told_at_ms: number;
  denied_at_ms: number;
  frozen: boolean;
}

/** `GET /api/freeze-code`. */
export interface FreezeCodeState {
  made_at_ms: number | null;
  used_at_ms: number | null;
}

/** `POST /api/freeze-code`: the code, this once; where it is typed; the picture of that address with the code in it. */
export interface FreezeCode {
  code: string;
  page: string;
  qr_svg: string;
}

/** A row of `GET /api/closings` of the console. */
export interface ClosingRequest {
  wallet_id: string;
  asked_at_ms: number;
  /** How the customer wants the money; null once the person is erased. */
  payout: string | null;
  balance: number | null;
  held: number | null;
}

/** What can be proven on the way back in (`crates/registry/src/recovery_ways.rs`). */
export type Evidence = 'code' | 'totp' | 'password' | 'mail' | 'second_mail' | 'sms' | 'trusted';

/** `POST /api/recovery/state` and `/prove`. */
export interface RecoveryProgress {
  stage: 'asked' | 'open' | 'finishing' | 'done' | 'undoing' | 'undone' | 'stopped' | 'overdue' | 'settled';
  proven: { evidence: Evidence; at_ms: number; contact: string | null }[];
  /** What else this person could prove. */
  offers: string[];
  ways: { evidence: Evidence[]; wait_hours: number }[];
  opens_at_ms: number | null;
  ends_at_ms: number;
  ready: boolean;
  now_ms: number;
}

/** A recovery that is under way, as its owner sees it. */
export interface OpenRecovery {
  stage: string;
  browser: string;
  opened_at_ms: number;
  opens_at_ms: number | null;
  ends_at_ms: number;
}

/** `GET /api/recovery/notices`. */
export interface RecoveryNotices {
  open: OpenRecovery | null;
  ask: { ask: string; numbers: number[]; name: string; browser: string; at_ms: number } | null;
}

/** Somebody who may help, or who is helped. */
export interface TrustedPerson {
  trusted: string;
  name: string | null;
  accepted: boolean;
  settled: boolean;
  settles_at_ms: number | null;
  ends_at_ms: number;
}

/** `GET /api/recovery`. */
export interface OwnRecovery {
  codes_left: number | null;
  codes_made_at_ms: number | null;
  codes_max: number;
  trusted: TrustedPerson[];
  trusted_max: number;
  helping: TrustedPerson[];
  open: OpenRecovery | null;
}

/** `POST /api/recovery/codes`: the codes, this once. */
export interface RecoveryCodes {
  codes: string[];
  made_at_ms: number;
}

/** `GET /api/device/asked`: a device that asks to take over; nothing where none does. */
export interface DeviceAsk {
  ask?: string;
  numbers: number[];
  browser: string;
  at_ms: number;
}

/** `POST /api/sign-up/password/start` and `POST /api/password/codes`: the secret of an authenticator app that is being set up. */
export interface CodesToSetUp {
  enrolment: string;
  /** In groups of four. */
  key: string;
  uri: string;
  qr_svg: string;
}

/** A provider of external IDs. */
export interface ExternalProvider {
  /** Its issuer. */
  provider: string;
  name: string;
}

/** `GET /api/external-id`. */
export interface ExternalIdState {
  providers: ExternalProvider[];
  linked: { id: string; provider: string; name: string; made_at_ms: number; used_at_ms: number | null }[];
  /** Whether there are codes by time. */
  codes: boolean;
  signs_in: boolean;
  /** Whether nothing else signs in. */
  only_way: boolean;
}

/** `GET /api/password`. */
export interface PasswordState {
  set: boolean;
  beside_passkeys: boolean;
  passkeys: number;
  signs_in: boolean;
  made_at_ms: number | null;
  used_at_ms: number | null;
  codes_made_at_ms: number | null;
}
