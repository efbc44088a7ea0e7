/** Runs in every page that bench/viewer.py measures, before the page's own scripts.
 *
 * Both viewers are looked at in the same way: a canvas shows a picture once it has many shades.
 */
(() => {
  const SHADES = 16;
  const EVERY_MS = 20;
  const small = new OffscreenCanvas(48, 48);
  const context = small.getContext('2d', { willReadFrequently: true });
  const frames = new Map(); // path of a frame → when all of it was here

  /** The visible canvas in a few pixels, none where it shows nothing. */
  function glance() {
    for (const canvas of document.querySelectorAll('canvas.cornerstone-canvas')) {
      if (!canvas.width || !canvas.height || !canvas.clientWidth) continue;
      context.drawImage(canvas, 0, 0, 48, 48);
      const { data } = context.getImageData(0, 0, 48, 48);
      const shades = new Set();
      for (let i = 0; i < data.length; i += 4) shades.add(data[i]);
      if (shades.size > SHADES) return data;
    }
    return undefined;
  }

  const watch = {
    preview: undefined,
    first: undefined,
    get frames() {
      return frames.size;
    },
    get lastFrame() {
      return Math.max(...frames.values());
    },
    /** Different pictures per second while the wheel turns for so long, there and back. */
    async scroll(seconds) {
      const target = document.querySelector('canvas.cornerstone-canvas');
      const box = target.getBoundingClientRect();
      const place = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
      const end = performance.now() + seconds * 1000;
      let [turns, pictures, last] = [0, 0, ''];
      while (performance.now() < end) {
        const deltaY = turns % 50 < 25 ? 100 : -100;
        target.dispatchEvent(
          new WheelEvent('wheel', { deltaY, bubbles: true, cancelable: true, ...place }),
        );
        turns += 1;
        await new Promise(requestAnimationFrame);
        const now = String(glance());
        if (now !== last) pictures += 1;
        last = now;
      }
      return pictures / seconds;
    },
  };
  window.watchedByBench = watch;

  performance.setResourceTimingBufferSize(20_000);
  new PerformanceObserver((list) => {
    for (const { name, responseEnd, responseStatus } of list.getEntries()) {
      const [, path] = name.match(/(\/instances\/[\d.]+\/frames\/\d+)(\?|$)/) ?? [];
      if (path && responseStatus === 200 && !frames.has(path)) frames.set(path, responseEnd);
    }
  }).observe({ type: 'resource', buffered: true });

  const look = setInterval(() => {
    const preview = document.querySelector('#preview img');
    if (preview?.complete && preview.naturalWidth) watch.preview ??= performance.now();
    if (!glance()) return;
    watch.first = performance.now();
    clearInterval(look);
  }, EVERY_MS);
})();
