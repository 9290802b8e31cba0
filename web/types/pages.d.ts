// The types of the pages' pattern: how a view is described, and what a machine of states is made of.

/** What an element carries. `key` names it among its siblings; `on` holds its listeners by event. */
export interface Attributes {
  key?: string;
  on?: Record<string, (event: any) => void>;
  /** Each property stays as long as the element does. */
  style?: Record<string, string>;
  [name: string]: unknown;
}

/** An element as it shall be. */
export interface Description {
  tag: string;
  attributes: Attributes;
  children: Child[];
}

/** An element that is made once and then belongs to its maker; another `own` in its place is another element. */
export interface Own {
  own: string;
  make: () => Element;
}

export type Child = Description | Own | string | number | null | undefined | false | Child[];

/** What `el` takes as a child: something that can stand in the page at once. */
export type Content = Node | string | number | null | undefined | false | Content[];

/** Sends `event` after `ms`, unless it is cancelled or set again under the same name. */
export interface After<E> {
  do: 'after';
  name: string;
  ms: number;
  event: E;
}

/** Ends a timer, or the waiting for the answer of a named effect. */
export interface Cancel {
  do: 'cancel';
  name: string;
}

/** The state, and what is to be done now. */
export type Step<S, F> = [S, ...F[]];

/** One function for each kind of event. */
export type Handlers<S, E extends { is: string }, F> = {
  [K in E['is']]: (state: S, event: Extract<E, { is: K }>) => Step<S, F>;
};

/** One function for each kind of effect; the event it returns or resolves to is sent. */
export type Performers<E, F extends { do: string }> = {
  [K in Exclude<F['do'], 'after' | 'cancel'>]: (effect: Extract<F, { do: K }>) => E | void | Promise<E | void>;
};

export interface Machine<S, E> {
  /** Begins with the first effects: the view stands in the page. */
  start(): void;
  send(event: E): void;
  /** Ends it for good: no timer, answer or event reaches it any more. */
  stop(): void;
  state(): S;
}

/** What a page shows in its place. `changed` hears what became different elsewhere. */
export interface View {
  element: Element[];
  ready?(): void;
  stop?(): void;
  /** What its reader has come to: handed to the same view in the other language. */
  progress?(): any;
}

/** The server's final word, as `Refused` carries it. */
export interface Refusal {
  status: number;
  code: string;
  sentence(): string;
}
