// Building elements by hand. Text always becomes a text node and attributes are set one by one, so nothing that
// arrives from the server can turn into markup; the wallet additionally runs under Trusted Types.

/**
 * Makes one element. `attributes` may hold plain attributes, `class`, `on` ({event: listener}) and boolean attributes
 * (true sets an empty attribute, false/null leaves it out). Children are elements, strings, numbers or (nested) lists.
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      element.setAttribute(key, value === true ? '' : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Makes one SVG element; same rules as `el`, without listeners. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

const regions = new Map();

function region(politeness) {
  if (!regions.has(politeness)) {
    const element = el('div', { class: 'spoken-only', role: politeness === 'assertive' ? 'alert' : 'status', 'aria-live': politeness });
    document.body.append(element);
    regions.set(politeness, element);
  }
  return regions.get(politeness);
}

/** Says a sentence to screen readers without moving the focus. `assertive` interrupts; keep it for money and errors. */
export function announce(sentence, politeness = 'polite') {
  const target = region(politeness);
  // Saying the same sentence twice must be heard twice, therefore the region is emptied first.
  target.textContent = '';
  setTimeout(() => { target.textContent = sentence; }, 60);
}

/** Prepares the live regions early: a region that is born together with its text is not read out everywhere. */
export function prepareAnnouncements() {
  region('polite');
  region('assertive');
}

/** Runs `action` while `button` shows that it is busy; a second press meanwhile does nothing. */
export async function whileBusy(button, action) {
  if (button.getAttribute('aria-busy') === 'true') return undefined;
  button.setAttribute('aria-busy', 'true');
  try {
    return await action();
  } finally {
    button.removeAttribute('aria-busy');
  }
}
