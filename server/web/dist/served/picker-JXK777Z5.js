import{h as a,i as b}from"./chunk-G5Y4FLHP.js";import"./chunk-UWQUNDS2.js";export{b as closePicker,a as openPicker};
