import{a}from"./chunk-QFAVFMNY.js";import"./chunk-RNWXF2SS.js";import"./chunk-GTNBKFIM.js";import"./chunk-TSC3VZHQ.js";export{a as showGate};
