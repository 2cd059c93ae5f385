import{a}from"./chunk-RNRNFXWZ.js";import"./chunk-DGYC7CH2.js";import"./chunk-GTNBKFIM.js";import"./chunk-YDCJKEAE.js";export{a as showGate};
