/** What a header says of other instances (PS3.3 10.3): whether it speaks of the frame that is shown. */
import { text } from './attributes.js';

/** Whether an item of a Referenced Image Sequence means a frame; one without frame numbers means all. */
export function refersTo(reference, { instance, frame }) {
  if (text(reference, '00081155') !== text(instance, '00080018')) return false;
  const frames = (reference['00081160']?.Value ?? []).map(Number);
  return !frames.length || frames.includes(frame);
}

/** UIDs of the series that an object is made from or applies to. */
export function referencedSeries(instance) {
  const frames = instance['30060010']?.Value ?? []; // of reference, in a structure set
  const studies = frames.flatMap((one) => one['30060012']?.Value ?? []);
  const items = [
    ...(instance['00081115']?.Value ?? []),
    ...studies.flatMap((one) => one['30060014']?.Value ?? []),
  ];
  return [...new Set(items.map((item) => text(item, '0020000E')).filter(Boolean))];
}
