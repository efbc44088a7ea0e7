/** What a pane shows, drawn once more on a canvas of its own: picture, measurements, text. */

// Corners that tell who the patient is, or when and why they were examined.
const TELLING = ['patient', 'study'];

/** @param withPatient whether the text that tells of the patient is drawn as well */
export async function capture(pane, { withPatient }) {
  const marks = await loadMarks(pane.element);
  return draw(pane, marks, { withPatient });
}

/** The same at once, for many pictures one after another; `marks` are those of loadMarks. */
export function draw(pane, marks, { withPatient, onto = document.createElement('canvas') }) {
  const source = pane.viewport.getCanvas();
  const context = onto.getContext('2d');
  if (onto.width !== source.width) onto.width = source.width;
  if (onto.height !== source.height) onto.height = source.height;
  context.drawImage(source, 0, 0);
  if (marks) context.drawImage(marks, 0, 0, source.width, source.height);
  for (const line of pane.element.querySelectorAll('[data-overlay]')) {
    const isTold = withPatient || !TELLING.includes(line.dataset.overlay);
    if (isTold && getComputedStyle(line).visibility === 'visible') write(context, line, pane.element);
  }
  return onto;
}

/** The measurements, which lie over the picture as SVG; undefined where there is none. */
export async function loadMarks(element) {
  const layer = element.querySelector('.svg-layer');
  if (!layer?.childElementCount) return undefined;
  const { width, height } = element.getBoundingClientRect();
  const copy = layer.cloneNode(true);
  for (const [name, value] of Object.entries({ xmlns: 'http://www.w3.org/2000/svg', width, height })) {
    copy.setAttribute(name, value);
  }
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}

function write(context, line, pane) {
  const style = getComputedStyle(line);
  const [outer, inner] = [pane, line].map((node) => node.getBoundingClientRect());
  const scale = context.canvas.width / outer.width;
  const height = parseFloat(style.lineHeight) * scale;
  const isRight = style.textAlign === 'right';
  const x = ((isRight ? inner.right : inner.left) - outer.left) * scale;
  const top = (inner.top - outer.top) * scale;
  Object.assign(context, {
    font: `${style.fontWeight} ${parseFloat(style.fontSize) * scale}px ${style.fontFamily}`,
    textAlign: isRight ? 'right' : 'left',
    textBaseline: 'middle',
    fillStyle: style.color,
    strokeStyle: '#000',
    lineWidth: 3 * scale,
    lineJoin: 'round',
  });
  line.textContent.split('\n').forEach((text, index) => {
    const y = top + (index + 0.5) * height;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  });
}
