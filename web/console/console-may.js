// What the operator who is signed in may do, as the server says it. Pages leave out what it refuses anyway; the words are those of
// docs/roles.md, and each button names the one that its route asks for.

/** @import { Me, OperatorPermission, Role } from '../types/answers.js' */

/** The roles, the smallest first. @type {Role[]} */
export const ROLES = ['viewer', 'support', 'fraud', 'finance', 'admin'];

/** @type {Me} */
let me = { name: '', role: 'viewer', may: [], to_decide: 0 };

/** @param {Me} answer */
export function signedInAs(answer) {
  me = answer;
}

export const ownName = () => me.name;
/** Proposals of others that wait for this operator. */
export const toDecide = () => me.to_decide;
export const ownRole = () => me.role;

/** @param {OperatorPermission} permission */
export const may = (permission) => me.may.includes(permission);
