// The page of a notice, for whoever says "this was not me": the button stops the wallet at once.

import { letterView } from '/assets/wallet-letter.js';

export const notMeView = () => letterView({
  path: '/api/not-me',
  button: { look: 'danger', picture: 'lock' },
  words: {
    title: 'not_me_title', lead: 'not_me_lead', safe: 'not_me_safe', yes: 'not_me_yes', done: 'not_me_done', after: ['not_me_done_lead', 'not_me_done_next'],
    missing: 'not_me_missing', to_wallet: 'not_me_to_wallet',
  },
});
