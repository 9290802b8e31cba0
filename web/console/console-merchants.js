// Merchants: what there is, and what is opened anew.

import { post } from '/assets/api.js';
import { h, patch } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { askForName, cardWith, consoleHead, drawing, smallButton } from '/assets/console-frame.js';
import { may } from '/assets/console-may.js';
import { digits, t } from '/assets/i18n.js';

/** @import { View } from '../types/pages.js' */
/** @import { MerchantRow } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */

/** @param {string} words @param {() => void} press */
export const addButton = (words, press) => smallButton([drawing('plus'), words], 'soft-fill', press);

/** @param {MerchantRow} one */
function row(one) {
  const { merchant_id: id, stores, tills, api_keys } = one;
  const sums = { id, stores: digits(stores), tills: digits(tills), keys: digits(api_keys) };
  return h('li', {}, h('a', { class: 'merchant-row', href: `#merchants/${id}` },
    h('span', { class: 'merchant-words' },
      h('strong', {}, one.name), h('span', { class: 'small soft number' }, t('merchant_sums', sums))),
    drawing('forward')));
}

/** @param {Tools} tools */
const add = (tools) => askForName({
  title: t('add_merchant'), label: t('merchant_name'), action: t('add'),
  async run(name) {
    const { merchant_id } = await post('/api/merchants', { name });
    announce(t('added', { name }));
    tools.go(`merchants/${merchant_id}`);
  },
});

/** @param {{ merchants: MerchantRow[] }} answer @param {Tools} tools @returns {View} */
export function merchantsView({ merchants }, tools) {
  const place = el('main', { class: 'dashboard narrow' });
  const list = merchants.length === 0 ? h('p', { class: 'soft' }, t('no_merchants'))
    : h('ul', { class: 'merchants' }, merchants.map(row));
  patch(place, [
    cardWith(t('merchants'), 'shop', 'merchants', may('manage_shops') && addButton(t('add_merchant'), () => add(tools)), list)]);
  return { element: [consoleHead('merchants', t('nav_merchants'), null, tools), place] };
}
