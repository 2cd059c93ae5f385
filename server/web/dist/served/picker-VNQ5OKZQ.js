import{h as a,i as b}from"./chunk-57TZSZDD.js";import"./chunk-TSC3VZHQ.js";export{b as closePicker,a as openPicker};
