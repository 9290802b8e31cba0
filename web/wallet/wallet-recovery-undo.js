// The page of a letter that tells of a recovery: whoever has its secret stops it.

import { letterView } from '/assets/wallet-letter.js';

export const recoveryUndoView = () => letterView({
  path: '/api/undo-recovery',
  button: { look: '', picture: 'undo' },
  words: {
    title: 'undo_recovery_title', lead: 'undo_recovery_lead', safe: 'undo_recovery_safe', yes: 'undo_recovery_yes', done: 'undo_recovery_done',
    after: ['undo_recovery_done_lead'], missing: 'undo_missing', to_wallet: 'undo_to_wallet',
  },
});
