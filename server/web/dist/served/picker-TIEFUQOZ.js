import{h as a,i as b}from"./chunk-DRCFVULO.js";import"./chunk-5IWTSTRF.js";export{b as closePicker,a as openPicker};
