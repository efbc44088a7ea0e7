/** Tells readers who do not see the picture which image it is, once they have arrived there. */
const SETTLE_MS = 600;

export function announceImages(viewer, line) {
  let timer;
  const tell = () => {
    const { name, stack, cine } = viewer.active;
    if (cine.isPlaying || stack.shown === undefined) return;
    const words = `${name}: image ${stack.wanted + 1} of ${stack.frames.length}`;
    if (line.textContent !== words) line.textContent = words;
  };
  for (const type of ['view', 'active']) {
    viewer.addEventListener(type, () => {
      clearTimeout(timer);
      timer = setTimeout(tell, SETTLE_MS);
    });
  }
}
