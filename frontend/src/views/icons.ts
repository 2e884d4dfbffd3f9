// Line icons, 20x20, drawn in the text's colour. Decoration only: what an icon says stands beside it in words.
import { svg, type SVGTemplateResult } from "lit";
import type { Medium } from "../wire.gen";

function icon(content: SVGTemplateResult): SVGTemplateResult {
  return svg`<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">${content}</svg>`;
}

const MEDIA: Readonly<Record<Medium, SVGTemplateResult>> = {
  voice: icon(svg`<path d="M4.5 3.5h3l1.3 3.6-1.9 1.4a9 9 0 0 0 4.6 4.6l1.4-1.9 3.6 1.3v3a1.5 1.5 0 0 1-1.6 1.5A13 13 0 0 1 3 5.1a1.5 1.5 0 0 1 1.5-1.6z"/>`),
  sms: icon(svg`<path d="M3 4.5h14v9H9l-4 3v-3H3z"/><path d="M7 9h.01M10 9h.01M13 9h.01"/>`),
  email: icon(svg`<rect x="2.5" y="4.5" width="15" height="11" rx="1.5"/><path d="m3 6 7 5 7-5"/>`),
  chat: icon(svg`<path d="M2.5 4h10v7h-6l-2.5 2v-2H2.5zM15 8h2.5v6.5H16v2l-2.5-2H9V13"/>`),
  telegram: icon(svg`<path d="m2.5 9.5 15-6-2.5 13-4.7-3.4-2.3 2.4-.7-4.2 7-5.6"/>`),
  web: icon(svg`<rect x="3.5" y="2.5" width="13" height="15" rx="1.5"/><path d="M6.5 6.5h7M6.5 10h7M6.5 13.5h3.5"/>`),
};

export const mediumIcon = (medium: Medium): SVGTemplateResult => MEDIA[medium] ?? MEDIA.web;
export const copyIcon = icon(svg`<rect x="7" y="7" width="9.5" height="9.5" rx="1.5"/><path d="M4.5 13h-1V3.5H13v1"/>`);
export const menuIcon = icon(svg`<path d="M3.5 5.5h13M3.5 10h13M3.5 14.5h13"/>`);
export const chevronIcon = icon(svg`<path d="m7 4.5 5.5 5.5L7 15.5"/>`);
export const checkIcon = icon(svg`<path d="m4 10.5 4 4 8-9"/>`);
export const crossIcon = icon(svg`<path d="m5 5 10 10M15 5 5 15"/>`);
export const bellIcon = icon(svg`<path d="M5 8.5a5 5 0 0 1 10 0c0 4 1.5 5 1.5 5h-13S5 12.5 5 8.5zM8.5 16.5a1.6 1.6 0 0 0 3 0"/>`);
export const linkIcon = icon(svg`<path d="M8 4.5H4v11.5h11.5v-4M11 3.5h5.5V9M16 4l-7.5 7.5"/>`);
export const waitIcon = icon(svg`<circle cx="10" cy="10" r="7"/><path d="M10 6v4.2l2.8 1.8"/>`);
export const missedIcon = icon(svg`<path d="m4 5 6 6 6-6M4 9V5h4M2.5 15.5c5-3 10-3 15 0"/>`);
