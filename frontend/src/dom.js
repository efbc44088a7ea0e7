/** Elements of the page and of drawings, made in one line. Text goes in as text, never as markup. */
const SVG = 'http://www.w3.org/2000/svg';

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, setting] of Object.entries(attributes)) made.setAttribute(key, setting);
  made.append(...children);
  return made;
}

/** A labelled control. */
export const field = (label, control) =>
  element('label', { className: 'field' }, element('span', { textContent: label }), control);

/** @param options pairs of value and words */
export function choice(options, chosen, onChange) {
  const select = element('select', {}, ...options.map(([key, words]) => new Option(words, key)));
  select.value = String(chosen);
  select.addEventListener('change', () => onChange(select.value));
  return select;
}
