// What the check-up of the security centre says: a list of questions, each answered from what the server knows of the account.

/** @import { FreezeCodeState, OwnContact, OwnPasskeys, OwnRecovery, PasswordState, Session } from '../types/answers.js' */

/**
 * @typedef {object} Facts
 * @property {OwnPasskeys['passkeys']} passkeys
 * @property {PasswordState} password
 * @property {OwnContact[]} contacts
 * @property {FreezeCodeState} freeze_code
 * @property {Pick<OwnRecovery, 'codes_left' | 'trusted' | 'open'>} recovery
 * @property {Session[]} sessions
 * @property {'here' | 'elsewhere' | 'anywhere'} pays_from
 */

/** @typedef {'good' | 'todo' | 'look'} Standing `todo` is advice, `look` asks the owner whether it is theirs. */
/** @typedef {{ name: string, standing: Standing, words: string, count?: number, href: string }} Check */

/** Whether another phone, or the same account on it, would bring a passkey back. @param {Facts['passkeys']} passkeys */
const survivesTheLossOfAPhone = (passkeys) => passkeys.length > 1 || passkeys.some((one) => one.kept === 'synced');

/** Saved codes of recovery below which it is time for new ones. */
const CODES_FEW = 3;

/** Whether the owner would come back after losing every way in. @param {Facts['recovery']} recovery @returns {Check} */
function wayBack({ codes_left, trusted, open }) {
  if (open !== null) return { name: 'way_back', standing: 'look', words: 'check_way_back_open', href: '#recovery' };
  if (codes_left !== null && codes_left < CODES_FEW) return { name: 'way_back', standing: 'todo', words: 'check_way_back_few', count: codes_left, href: '#recovery' };
  const has = codes_left !== null || trusted.some((one) => one.accepted);
  return { name: 'way_back', standing: has ? 'good' : 'todo', words: has ? 'check_way_back_good' : 'check_way_back_todo', href: '#recovery' };
}

/** @param {Facts} facts @returns {Check[]} */
export function checkUp({ passkeys, password, contacts, freeze_code, recovery, sessions, pays_from }) {
  const reached = contacts.filter((one) => one.removed_at_ms === null);
  const others = sessions.filter((one) => !one.current).length;
  const has = passkeys.length > 0;
  return [
    { name: 'passkey', standing: has ? 'good' : 'todo', words: has ? 'check_passkey_good' : 'check_passkey_todo', href: '#passkeys' },
    ...(has ? [survivesTheLossOfAPhone(passkeys)
      ? /** @type {Check} */ ({ name: 'second_way', standing: 'good', words: 'check_second_way_good', href: '#passkeys' })
      : /** @type {Check} */ ({ name: 'second_way', standing: 'todo', words: 'check_second_way_todo', href: '#passkeys' })] : []),
    ...(has && password.set && password.beside_passkeys
      ? [/** @type {Check} */ ({ name: 'weaker_way', standing: 'todo', words: 'check_weaker_way_todo', href: '#password' })] : []),
    { name: 'contacts', standing: reached.length > 1 ? 'good' : 'todo', words: reached.length > 1 ? 'check_contacts_good' : 'check_contacts_todo', count: reached.length, href: '#contacts' },
    wayBack(recovery),
    freeze_code.made_at_ms === null
      ? { name: 'freeze_code', standing: 'todo', words: 'check_freeze_code_todo', href: '#freeze-code' }
      : freeze_code.used_at_ms !== null
        ? { name: 'freeze_code', standing: 'look', words: 'check_freeze_code_used', href: '#freeze-code' }
        : { name: 'freeze_code', standing: 'good', words: 'check_freeze_code_good', href: '#freeze-code' },
    pays_from === 'here' ? { name: 'device', standing: 'good', words: 'check_device_here', href: '#' }
      : pays_from === 'elsewhere' ? { name: 'device', standing: 'look', words: 'check_device_elsewhere', href: '#' }
        : { name: 'device', standing: 'todo', words: 'check_device_anywhere', href: '#' },
    others === 0 ? { name: 'sessions', standing: 'good', words: 'check_sessions_good', href: '#sessions-title' }
      : { name: 'sessions', standing: 'look', words: 'check_sessions_look', count: others, href: '#sessions-title' },
  ];
}

/** How many questions have a good answer. @param {Check[]} checks */
export const goodOnes = (checks) => checks.filter((one) => one.standing === 'good').length;
