// Measures the contrast of every text of a page with what is behind it, as WCAG 2.2 defines it.
"use strict";
window.measureContrast = (printed) => {
  const parse = (text) => {
    const numbers = (text.match(/[\d.]+(e-?\d+)?/g) || []).map(Number);
    if (text.startsWith("color(srgb")) return [numbers[0] * 255, numbers[1] * 255, numbers[2] * 255, numbers[3] ?? 1];
    return text === "none" || text === "transparent" ? [0, 0, 0, 0] : [numbers[0], numbers[1], numbers[2], numbers[3] ?? 1];
  };
  const over = (front, back) => [0, 1, 2].map((i) => front[i] * front[3] + back[i] * (1 - front[3]));
  const luminance = (color) => {
    const [r, g, b] = color.map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  // printers leave backgrounds out unless a style asks for exact colours
  const background = (style) => printed && style.printColorAdjust !== "exact" ? [0, 0, 0, 0] : parse(style.backgroundColor);
  const opacity = (element) => {
    let found = 1;
    for (let at = element; at; at = at.parentElement) found *= Number(getComputedStyle(at).opacity);
    return found;
  };
  const behindHtml = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = background(getComputedStyle(at));
      layers.push(color);
      if (color[3] === 1) break;
    }
    const canvas = printed ? [255, 255, 255] : parse(getComputedStyle(document.body).backgroundColor);
    return layers.reverse().reduce((back, front) => over(front, back), canvas);
  };
  const behindSvg = (text, svg) => {
    text.scrollIntoView({ block: "center", inline: "center" });
    const box = text.getBoundingClientRect();
    const below = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const shapes = below.filter((shape) => svg.contains(shape) && shape !== svg && !["text", "tspan", "g"].includes(shape.tagName));
    const layers = shapes.map((shape) => {
      const style = getComputedStyle(shape);
      const color = parse(style.fill);
      return [...color.slice(0, 3), color[3] * Number(style.fillOpacity) * opacity(shape)];
    });
    return layers.reverse().reduce((back, front) => over(front, back), behindHtml(svg.parentElement));
  };
  const seen = [];
  const measure = (element, text, color, back) => {
    const ink = over([...color.slice(0, 3), color[3] * opacity(element)], back);
    seen.push({ text: text.trim().slice(0, 60), tag: element.tagName, ratio: ratio(ink, back), ink: ink.map(Math.round), back: back.map(Math.round) });
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    const range = document.createRange();
    range.selectNodeContents(node);
    if (!node.data.trim() || ["SCRIPT", "STYLE"].includes(element.tagName) || !range.getClientRects().length) continue;
    const style = getComputedStyle(element), svg = element.closest("svg");
    if (svg) measure(element, node.data, parse(style.fill), behindSvg(element, svg));
    else measure(element, node.data, parse(style.color), behindHtml(element));
  }
  for (const input of document.querySelectorAll("input[placeholder]")) {
    measure(input, input.placeholder, parse(getComputedStyle(input, "::placeholder").color), behindHtml(input));
  }
  return seen;
};
window.pretendToPrint = () => {
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (rule instanceof CSSMediaRule && rule.media.mediaText === "print") rule.media.mediaText = "all";
    }
  }
};
