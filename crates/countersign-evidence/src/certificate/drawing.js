// The trail of one signature, drawn: a line of records from the first to the signature, and an
// arrow from each cause to what it caused.

const ROW = 46;
const LANE = 15;
const RADIUS = 5.5;
/** How far below the middle of a record arrows leave, and above it they come in. */
const APART = 2.5;

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The arrows, each in the innermost lane that is free where it passes. */
function arrowsOf(records) {
  const arrows = records.flatMap((record, to) => record.causes
    .map((cause) => records.indexOf(cause))
    .filter((from) => from >= 0 && from < to)
    .map((from) => ({ from, to, lane: 0 })));
  const lanes = [];
  for (const arrow of arrows.sort((a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from)) {
    if (arrow.to - arrow.from === 1) continue;
    const free = (taken) => taken.every(({ from, to }) => arrow.to <= from || to <= arrow.from);
    let lane = lanes.findIndex(free);
    if (lane < 0) lane = lanes.push([]) - 1;
    lanes[lane].push(arrow);
    arrow.lane = lane + 1;
  }
  return { arrows, lanes: lanes.length };
}

function drawTrail({ reached }, title) {
  const { arrows, lanes } = arrowsOf(reached);
  const x = 20 + lanes * LANE;
  const y = (place) => ROW / 2 + place * ROW;
  const height = reached.length * ROW;
  const drawing = svg("svg", { class: "trail", viewBox: `0 0 640 ${height}`, role: "img" }, svg("title", {}, title));
  for (const { from, to, lane } of arrows) {
    const [top, bottom] = [y(from), y(to)];
    const path = lane === 0
      ? `M${x} ${top + RADIUS} V${bottom - RADIUS - 5}`
      : arc(x, x - 6 - lane * LANE, top + APART, bottom - APART);
    const [tip, left, right] = lane === 0
      ? [[x, bottom - RADIUS], [x - 3.5, bottom - RADIUS - 7], [x + 3.5, bottom - RADIUS - 7]]
      : [[x - RADIUS, bottom - APART], [x - RADIUS - 7, bottom - APART - 3.5], [x - RADIUS - 7, bottom - APART + 3.5]];
    drawing.append(svg("path", { class: "cause", d: path }));
    drawing.append(svg("path", { class: "tip", d: `M${tip} L${left} L${right} Z` }));
  }
  reached.forEach((record, place) => {
    const [what, particulars] = stepOf(record);
    const isLast = place === reached.length - 1;
    const label = svg("text", { x: x + 18, y: y(place) - 2, class: "what" }, `${record.number}  ${clipped(what, 40)}`);
    const detail = svg("text", { x: x + 18, y: y(place) + 14, class: "detail" }, clipped(particulars, 74));
    const time = svg("text", { x: 640, y: y(place) - 2, class: "when" }, inUtc(record.at));
    drawing.append(svg("circle", { class: isLast ? "node signed" : "node", cx: x, cy: y(place), r: RADIUS }), label, detail, time);
  });
  return drawing;
}

/** Out of a record to its left, down in a lane, and in again. */
function arc(x, lane, top, bottom) {
  const bend = 8;
  return `M${x - RADIUS} ${top} H${lane + bend} Q${lane} ${top} ${lane} ${top + bend} `
    + `V${bottom - bend} Q${lane} ${bottom} ${lane + bend} ${bottom} H${x - RADIUS - 6}`;
}
