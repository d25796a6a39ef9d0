// The only place that knows @vscode/webview-ui-toolkit: its web components registered once, as React components.
// React 19 passes properties to custom elements itself, so the toolkit's own React entry (React ≤ 18) is not needed.

import {
  provideVSCodeDesignSystem,
  vsCodeBadge,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDivider,
  vsCodeDropdown,
  vsCodeLink,
  vsCodeOption,
  vsCodeProgressRing,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';
import { createElement, type ReactNode, useEffect, useLayoutEffect, useRef } from 'react';

export function registerToolkit(): void {
  provideVSCodeDesignSystem().register(
    vsCodeBadge(),
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDivider(),
    vsCodeDropdown(),
    vsCodeLink(),
    vsCodeOption(),
    vsCodeProgressRing(),
    vsCodeTextField(),
  );
}

interface Common {
  testId?: string;
  className?: string;
  title?: string;
}

const common = ({ testId, className, title }: Common): Record<string, string> => ({
  ...(testId === undefined ? {} : { 'data-testid': testId }),
  ...(className === undefined ? {} : { class: className }),
  ...(title === undefined ? {} : { title }),
});

export function Button(
  props: Common & {
    children: ReactNode;
    appearance?: 'primary' | 'secondary' | 'icon';
    disabled?: boolean;
    label?: string;
    onClick(): void;
  },
): ReactNode {
  const { children, appearance = 'secondary', disabled = false, label, onClick } = props;
  return createElement(
    'vscode-button',
    { ...common(props), appearance, disabled, onClick, ...(label === undefined ? {} : { 'aria-label': label }) },
    children,
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
}

export function Dropdown<T extends string>(
  props: Common & {
    label: string;
    value: T;
    options: readonly Choice<T>[];
    disabled?: boolean;
    onChange(value: T): void;
  },
): ReactNode {
  const { label, value, options, disabled = false, onChange } = props;
  const element = useElement<{ value: string }>('change', (target) => {
    const picked = options.find((option) => option.value === target.value);
    if (picked !== undefined && picked.value !== value) onChange(picked.value);
  });
  const shown = options.map((option) => option.value).join('\0');
  // The component reads its options after they are slotted; a value set earlier would be lost.
  useEffect(() => {
    void shown;
    const node = element.current;
    if (node === null) return;
    const apply = (): void => {
      if (node.value !== value) node.value = value;
    };
    apply();
    const timer = setTimeout(apply);
    return () => clearTimeout(timer);
  }, [element, value, shown]);
  return createElement(
    'vscode-dropdown',
    { ...common(props), ref: element, 'aria-label': label, disabled },
    options.map((option) =>
      createElement(
        'vscode-option',
        { key: option.value, value: option.value, selected: option.value === value },
        option.label,
      ),
    ),
  );
}

export function Checkbox(
  props: Common & { checked: boolean; disabled?: boolean; children: ReactNode; onChange(checked: boolean): void },
): ReactNode {
  const { checked, disabled = false, children, onChange } = props;
  const element = useElement<{ checked: boolean }>('change', (target) => {
    // The component also reports changes made from outside.
    if (target.checked !== checked) onChange(target.checked);
  });
  useLayoutEffect(() => {
    if (element.current !== null && element.current.checked !== checked) element.current.checked = checked;
  }, [element, checked]);
  return createElement('vscode-checkbox', { ...common(props), ref: element, disabled }, children);
}

export function TextField(
  props: Common & {
    label: string;
    value: string;
    placeholder?: string;
    disabled?: boolean;
    onInput?(value: string): void;
    /** Enter or leaving the field. */
    onCommit?(value: string): void;
  },
): ReactNode {
  const { label, value, placeholder = '', disabled = false, onInput, onCommit } = props;
  const element = useElement<{ value: string }>('input', (target) => onInput?.(target.value));
  useListener(element, 'change', (target) => onCommit?.(target.value));
  useLayoutEffect(() => {
    if (element.current !== null && element.current.value !== value) element.current.value = value;
  }, [element, value]);
  return createElement('vscode-text-field', {
    ...common(props),
    ref: element,
    'aria-label': label,
    placeholder,
    disabled,
  });
}

export function ProgressRing(props: { label: string }): ReactNode {
  return createElement('vscode-progress-ring', { 'aria-label': props.label, class: 'progress-ring' });
}

export function Divider(): ReactNode {
  return createElement('vscode-divider', { role: 'presentation' });
}

export function Badge(props: Common & { children: ReactNode }): ReactNode {
  return createElement('vscode-badge', common(props), props.children);
}

export function Link(props: Common & { children: ReactNode; onClick(): void }): ReactNode {
  return createElement('vscode-link', { ...common(props), href: '#', onClick: follow(props.onClick) }, props.children);
}

function follow(action: () => void): (event: { preventDefault(): void }) => void {
  return (event) => {
    event.preventDefault();
    action();
  };
}

function useElement<P extends object>(event: string, handle: (target: HTMLElement & P) => void) {
  const element = useRef<HTMLElement & P>(null);
  useListener(element, event, handle);
  return element;
}

function useListener<P extends object>(
  element: { readonly current: (HTMLElement & P) | null },
  event: string,
  handle: (target: HTMLElement & P) => void,
): void {
  const latest = useRef(handle);
  useLayoutEffect(() => {
    latest.current = handle;
  });
  useEffect(() => {
    const node = element.current;
    if (node === null) return;
    const listen = (): void => latest.current(node);
    node.addEventListener(event, listen);
    return () => node.removeEventListener(event, listen);
  }, [element, event]);
}
