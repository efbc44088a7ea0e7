/** What a pane shows, drawn once more: picture, what lies over it, text. */

const SVG = 'http://www.w3.org/2000/svg';
// Corners that tell who the patient is, or when and why they were examined.
const TELLING = '[data-overlay=patient], [data-overlay=study], .presented';
const WARNINGS = '.other-study, .mismatch'; // which tell as well
const DRAWINGS = '.reference, .sheet:not([hidden]) > svg, .svg-layer, .crosshairs'; // from the lowest to the highest
// What style sheets of the page say; elsewhere they are not at hand.
const STYLE = [
  'display', 'visibility', 'fill', 'fill-opacity', 'fill-rule', 'stroke', 'stroke-width', 'stroke-dasharray',
  'paint-order', 'opacity', 'font-size', 'font-family', 'font-weight', 'text-anchor',
];

/** Resolves once what follows a new picture, such as measurements, is drawn as well. */
export const painted = () =>
  Promise.race([
    new Promise((done) => requestAnimationFrame(done)),
    new Promise((done) => setTimeout(done, 200)), // a page in the background draws nothing
  ]);

/** @param withPatient whether the text that tells of the patient is drawn as well */
export async function capture(pane, { withPatient, onto = document.createElement('canvas') }) {
  const { picture, drawings, words } = snapshot(pane, { withPatient });
  const images = await Promise.all(drawings.map(imageOf));
  const { width, height } = picture;
  if (onto.width !== width) onto.width = width;
  if (onto.height !== height) onto.height = height;
  const context = onto.getContext('2d');
  for (const layer of [picture, ...images, words]) context.drawImage(layer, 0, 0, width, height);
  return onto;
}

/** Several pictures that stand beside each other, and above them what warns of them all. */
export async function captureAll(root, panes, options) {
  const shown = panes.filter(({ element }) => element.getClientRects().length);
  const outer = root.getBoundingClientRect();
  const scale = devicePixelRatio;
  const canvas = Object.assign(document.createElement('canvas'), {
    width: Math.round(outer.width * scale), height: Math.round(outer.height * scale),
  });
  const pictures = await Promise.all(shown.map((pane) => capture(pane, options)));
  const context = canvas.getContext('2d');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, -outer.left * scale, -outer.top * scale); // in pixels of the page
  shown.forEach(({ element }, index) => {
    const { x, y, width, height } = element.querySelector('.picture').getBoundingClientRect();
    context.drawImage(pictures[index], x, y, width, height);
  });
  if (options.withPatient) writeWarnings(context, root);
  return canvas;
}

/** All of one moment, and at once: two canvases, and the drawings that lie between them. */
export function snapshot(pane, { withPatient }) {
  const { element } = pane;
  const source = pane.viewport.getCanvas();
  const [picture, words] = [0, 1].map(() =>
    Object.assign(document.createElement('canvas'), { width: source.width, height: source.height }));
  const context = picture.getContext('2d');
  context.drawImage(source, 0, 0);
  const segments = element.querySelector('.sheet:not([hidden]) > canvas');
  if (segments?.width && segments.height) context.drawImage(segments, 0, 0, picture.width, picture.height);
  const box = element.querySelector('.picture').getBoundingClientRect();
  const drawings = [...element.querySelectorAll(DRAWINGS)]
    .filter(({ childElementCount }) => childElementCount)
    .map((drawing) => copyOf(drawing, box));
  writeAll(words.getContext('2d'), element, box, withPatient);
  return { picture, drawings, words };
}

function copyOf(drawing, { width, height }) {
  const copy = drawing.cloneNode(true);
  const copies = [copy, ...copy.querySelectorAll('*')];
  [drawing, ...drawing.querySelectorAll('*')].forEach((original, index) => {
    const style = getComputedStyle(original);
    for (const name of STYLE) copies[index].setAttribute(name, style.getPropertyValue(name));
  });
  copy.removeAttribute('class');
  for (const [name, value] of Object.entries({ xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` })) {
    copy.setAttribute(name, value);
  }
  return copy;
}

async function imageOf(drawing) {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(drawing))}`;
  await image.decode();
  return image;
}

function writeAll(context, element, box, withPatient) {
  const scale = context.canvas.width / box.width;
  context.setTransform(scale, 0, 0, scale, -box.left * scale, -box.top * scale); // in pixels of the page
  for (const line of element.querySelectorAll('[data-overlay], .key-mark, .scale, .sheet:not([hidden]) > .presented')) {
    const isTold = withPatient || !line.matches(TELLING);
    if (!isTold || line.hidden || getComputedStyle(line).visibility !== 'visible') continue;
    if (line.matches('.scale')) drawBar(context, line);
    write(context, line);
  }
  if (withPatient) writeWarnings(context, element);
}

function writeWarnings(context, element) {
  for (const warning of element.querySelectorAll(WARNINGS)) {
    const { x, y, width, height } = warning.getBoundingClientRect();
    context.fillStyle = getComputedStyle(warning).backgroundColor;
    context.fillRect(x, y, width, height);
    const lines = warning.querySelectorAll('h2, p');
    for (const line of lines.length ? lines : [warning]) write(context, line, { isOutlined: false });
  }
}

/** The scale: a length between two ends. */
function drawBar(context, bar) {
  const { left, right, top, bottom } = bar.getBoundingClientRect();
  const path = new Path2D(`M${left} ${top}V${bottom}H${right}V${top}`);
  for (const [strokeStyle, lineWidth] of [['#000', 3.5], [getComputedStyle(bar).color, 1.5]]) {
    Object.assign(context, { strokeStyle, lineWidth });
    context.stroke(path);
  }
}

function write(context, line, { isOutlined = true } = {}) {
  const style = getComputedStyle(line);
  const { left, right, top, width } = line.getBoundingClientRect();
  const height = parseFloat(style.lineHeight) || 1.3 * parseFloat(style.fontSize);
  const textAlign = { right: 'right', center: 'center' }[style.textAlign] ?? 'left';
  const inset = parseFloat(style.paddingLeft) || 0;
  const x = { left: left + inset, right, center: (left + right) / 2 }[textAlign];
  Object.assign(context, {
    font: `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`,
    textAlign,
    textBaseline: 'middle',
    fillStyle: style.color,
    strokeStyle: '#000',
    lineWidth: 3,
    lineJoin: 'round',
  });
  line.textContent.split('\n').forEach((text, index) => {
    const place = [text, x, top + (parseFloat(style.paddingTop) || 0) + (index + 0.5) * height];
    if (isOutlined) context.strokeText(...place);
    context.fillText(...place, ...(isOutlined ? [] : [width])); // what is wrapped on the page is squeezed here
  });
}
