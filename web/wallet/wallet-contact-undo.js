// The page of a letter that tells of a changed contact: whoever has its secret undoes the change.

import { letterView } from '/assets/wallet-letter.js';

export const contactUndoView = () => letterView({
  path: '/api/undo-contact',
  button: { look: '', picture: 'undo' },
  words: {
    title: 'undo_title', lead: 'undo_lead', safe: 'undo_safe', yes: 'undo_yes', done: 'undo_done', after: ['undo_done_lead'],
    missing: 'undo_missing', to_wallet: 'undo_to_wallet',
  },
});
