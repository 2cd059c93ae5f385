import{a}from"./chunk-EQRWCVRE.js";import"./chunk-2EU7KN5N.js";import"./chunk-UWQUNDS2.js";export{a as showGate};
