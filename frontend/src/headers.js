/** Headers by the names under which Cornerstone knows frames, for who decodes them. */
const NAME = /^(.*)\/frames\/(\d+)$/;
const headers = new Map();

/** Keep the header of an instance; `imageId` names any of its frames. */
export const keepHeader = (imageId, instance) => headers.set(NAME.exec(imageId)[1], instance);

/** `{ instance, frame }` of a frame, as in a display set. */
export function frameOf(imageId) {
  const [, name, number] = NAME.exec(imageId);
  return { instance: headers.get(name), frame: Number(number) };
}
