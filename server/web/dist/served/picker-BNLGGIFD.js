import{h as a,i as b}from"./chunk-WJS3SU2P.js";import"./chunk-YDCJKEAE.js";export{b as closePicker,a as openPicker};
