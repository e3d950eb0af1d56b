/** What the marks on the ring mean. */
export function Legend({ hasResource, isCut }: { hasResource: boolean; isCut: boolean }) {
  if (!hasResource && !isCut) return null;
  return (
    <ul class="legend" aria-label="Legend">
      {hasResource && (
        <>
          <li>
            <i class="node holds-all" /> holds all of it
          </li>
          <li>
            <i class="node holds-some" /> some of it
          </li>
          <li>
            <i class="node holds-partial" /> may lack some, and knows it
          </li>
          <li>
            <i class="node neighbour" /> a neighbour, holds nothing
          </li>
        </>
      )}
      {isCut && (
        <li>
          <i class="node side-b" /> side B of the cut
        </li>
      )}
      <li>
        <i class="node off" /> does not run
      </li>
    </ul>
  );
}
