/** A presentation state as what it is of, with a way to see it applied. */
import { element } from './dom.js';
import { button } from './messages.js';
import { Presentation } from './presentation_state.js';
import { referencedSeries } from './references.js';

export { isPresentationState } from './presentation_state.js';

export function presentationNode(series, instance) {
  const presentation = new Presentation(series, instance);
  const images = (instance['00081115']?.Value ?? []).flatMap((one) => one['00081140']?.Value ?? []);
  const node = element(
    'div', {},
    element('h3', { textContent: presentation.title }),
    element('p', { textContent: `It says how ${images.length} image${images.length === 1 ? ' is' : 's are'} to be seen.` }),
  );
  if (presentation.omitted.length) {
    node.append(element('p', { textContent: `Not applied here: ${presentation.omitted.join(', ')}.` }));
  }
  const [seriesInstanceUid] = referencedSeries(instance);
  const detail = { presentation, seriesInstanceUid, ...presentation.first };
  const show = button('Apply it to its images', () =>
    node.dispatchEvent(new CustomEvent('apply-presentation', { bubbles: true, detail })));
  node.append(show);
  return node;
}
