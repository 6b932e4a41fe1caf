/** Series colours have enough contrast on both backgrounds. Dashes distinguish the series without colour vision. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--faint:#5b6470;--line:#d5dae0;--card:#f6f8fa;
--c0:#0b6bab;--c1:#c44e00;--c2:#00795a;--c3:#a8447f;--c4:#8a6100;--c5:#5b50c8;--c6:#59636e}
@media (prefers-color-scheme:dark){:root{--ground:#12161b;--text:#e6e9ed;--faint:#9aa5b1;--line:#343c46;--card:#1a2027;
--c0:#4da9e8;--c1:#f58a4b;--c2:#3cc79d;--c3:#e389bd;--c4:#e0b04a;--c5:#a39bff;--c6:#a9b4c0}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem clamp(.9rem,4vw,2.5rem) 4rem;max-width:76rem;background:var(--ground);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:.2em 0}
h2{font-size:1.2rem;margin:2.4rem 0 .4rem;padding-top:.8rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.3rem 0 .8rem;max-width:48rem}
.faint,figcaption{color:var(--faint);font-size:.875rem}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem;margin:1rem 0;padding:0;list-style:none}
.facts li{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.5rem .75rem}
.facts b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums;line-height:1.3}
.facts span{color:var(--faint);font-size:.85rem;overflow-wrap:anywhere}
.tables{display:flex;flex-wrap:wrap;gap:0 2rem}
.table{max-width:100%;flex:0 1 auto}
.table p{max-width:28rem;margin:0 0 .4rem}
.scroll{overflow-x:auto;margin:0 0 1.2rem}
.scroll:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.925rem}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td.word{text-align:left}
thead th{border-bottom-width:2px}
tbody.published th{font-weight:400}tbody.published th[scope=rowgroup]{color:var(--faint)}
th.pair{text-align:center;border-bottom-width:1px}thead tr+tr th:first-child{text-align:right}
tbody th{font-weight:600;position:sticky;left:0;background:var(--ground)}
.best{font-weight:700}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:1rem 1.5rem;margin:.8rem 0}
figure{margin:0}
figure svg{width:100%;height:auto;display:block}
figcaption{margin-bottom:.15rem}
figcaption b{color:var(--text)}
svg text{fill:var(--faint);font:10.5px system-ui,sans-serif}
.grid{stroke:var(--line);stroke-width:1}
.diagonal{stroke:var(--line);stroke-width:1;stroke-dasharray:3 3}
.threshold{stroke:var(--text);stroke-width:1.2;stroke-dasharray:2 3}
.line{fill:none;stroke-width:1.8}
.area{stroke-width:1.2;fill-opacity:.28}
.mark{fill:var(--ground);fill-opacity:.6;stroke:var(--text);stroke-width:1.8}
.s0{stroke:var(--c0)}.area.s0{fill:var(--c0)}
.s1{stroke:var(--c1)}.s2{stroke:var(--c2);stroke-dasharray:7 2}.s3{stroke:var(--c3);stroke-dasharray:2 2}
.s4{stroke:var(--c4);stroke-dasharray:8 2 2 2}.s5{stroke:var(--c5);stroke-dasharray:4 3}.s6{stroke:var(--c6);stroke-dasharray:1 3}
.s7{stroke:var(--c1);stroke-dasharray:12 3}.s8{stroke:var(--c2);stroke-dasharray:1 2}.s9{stroke:var(--c3);stroke-dasharray:9 2 1 2 1 2}
.s10{stroke:var(--c4);stroke-dasharray:3 5}.s11{stroke:var(--c5);stroke-dasharray:14 2 2 2}.s12{stroke:var(--c6);stroke-dasharray:6 6}
.bar{fill:var(--c0);fill-opacity:.75}.bar.low{fill:var(--c1)}svg text.name,svg text.value{fill:var(--text)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin:.4rem 0;padding:0;list-style:none;font-size:.875rem}
.legend li{display:flex;align-items:center;gap:.4rem;overflow-wrap:anywhere}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.6rem,1fr));gap:.9rem;margin:.6rem 0 1.2rem;padding:0;list-style:none}
.pictures img,.pictures .gone{display:block;width:100%;aspect-ratio:1;object-fit:cover;border-radius:.4rem;border:1px solid var(--line);background:var(--card)}
.pictures .gone{display:grid;place-items:center;color:var(--faint);font-size:.8rem}
.pictures span{display:block;font-size:.8rem;line-height:1.35;overflow-wrap:anywhere}
.pictures .faint{font-size:.75rem}
details{margin:.8rem 0}
summary{cursor:pointer;font-weight:600}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.2rem 1rem;font-size:.925rem;margin:.6rem 0}
dt{color:var(--faint)}
dd{margin:0;overflow-wrap:anywhere}
@media (max-width:34rem){.pictures{grid-template-columns:repeat(auto-fill,minmax(6rem,1fr))}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}th,td{padding:.3rem .5rem}}
@media print{body{max-width:none}.scroll{overflow:visible}}
`;
